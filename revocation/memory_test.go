package revocation_test

import (
	"testing"

	"github.com/cookiesession/cookiesession/revocation"
	"github.com/cookiesession/cookiesession/revocation/revocationtest"
)

func TestTheSourceInMemoryKeepsWhatEverySourceMust(t *testing.T) {
	revocationtest.Run(t, func(t *testing.T) revocationtest.Engine {
		m := revocation.NewMemory()
		return revocationtest.Engine{
			Open: func(*testing.T) revocation.Source { return m },
			Lose: func(*testing.T) { m.Lose() },
		}
	})
}
