//go:build race

package cookiesession_test

// raceFactor is how much longer things may take with the race detector.
const raceFactor = 20
