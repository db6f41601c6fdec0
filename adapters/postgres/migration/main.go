// Command migration prints the SQL that makes the table of marks.
//
//	go run github.com/cookiesession/cookiesession/adapters/postgres/migration [table]
package main

import (
	"fmt"
	"os"

	"github.com/cookiesession/cookiesession/adapters/postgres"
)

func main() {
	table := ""
	if len(os.Args) > 1 {
		table = os.Args[1]
	}
	fmt.Print(postgres.Migration(table))
}
