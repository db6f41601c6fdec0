package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/cookiesession/cookiesession/cmd/cookiesession/demo"
)

// runDemo serves the demo until ctx ends. Keys are tried before anything is
// built: whoever mistyped them need not wait for that.
func runDemo(ctx context.Context, args []string, std stdio) int {
	flags, err := demo.ParseFlags(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		demo.PrintHelp(std.out)
		return exitDone
	case err != nil:
		fmt.Fprintf(std.err, "cookiesession demo: %v; \"cookiesession demo -h\" shows how\n", wrongUsage(err))
		return exitUsage
	}
	host := demo.Host{Out: std.out, Err: std.err, Env: std.env, LoadKeyFile: loadKeyFile}
	if flags.TLS || flags.Revocation != "" {
		_, _, err = flags.Keyring(host)
		if err == nil {
			return runAdapters(ctx, args, std)
		}
	} else {
		err = flags.Serve(ctx, host)
	}
	if err != nil {
		fmt.Fprintf(std.err, "cookiesession demo: %v\n", err)
		return exitFailed
	}
	return exitDone
}
