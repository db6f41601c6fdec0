// Package cloud is what Cloud Run functions build: they want a package at the
// module's root that registers its handler in init.
package cloud

import (
	"log"
	"net/http"
	"os"
	"sync"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"github.com/cookiesession/cookiesession/examples/cloud/app"
)

func init() { functions.HTTP("Visits", serve) }

// handler is made with the first request: init has nobody to tell that the
// keys are missing.
var handler = sync.OnceValues(func() (http.Handler, error) { return app.New(os.Getenv("SESSION_KEYS")) })

func serve(w http.ResponseWriter, r *http.Request) {
	h, err := handler()
	if err != nil {
		log.Print(err)
		http.Error(w, "not configured", http.StatusInternalServerError)
		return
	}
	h.ServeHTTP(w, r)
}
