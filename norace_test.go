//go:build !race

package cookiesession_test

const raceFactor = 1
