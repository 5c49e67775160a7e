// A web service as Go's standard library makes it: it knows nothing of Kubernetes.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

func main() {
	http.HandleFunc("/headers", func(w http.ResponseWriter, r *http.Request) { _ = r.Header.Write(w) })
	http.HandleFunc("POST /length", func(w http.ResponseWriter, r *http.Request) {
		count, err := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, count, err)
	})
	http.HandleFunc("/ticks", func(w http.ResponseWriter, _ *http.Request) {
		for number := range 3 {
			_, _ = fmt.Fprintln(w, number)
			_ = http.NewResponseController(w).Flush()
			time.Sleep(50 * time.Millisecond)
		}
	})
	http.Handle("/old", http.RedirectHandler("/headers", http.StatusFound))
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
