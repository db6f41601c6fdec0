//go:build !race

package testkit

// RaceFactor is 1: there is no race detector that slows things down.
const RaceFactor = 1
