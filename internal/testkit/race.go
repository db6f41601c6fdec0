//go:build race

package testkit

// RaceFactor is how much longer things may take with the race detector.
const RaceFactor = 20
