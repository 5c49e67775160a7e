// Command echo answers every request with its headers, as the backend's echo does, by nothing but net/http.
// It is the limit that the measurements compare with: an extension API server written in Go without any logic.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"io"
	"log"
	"net/http"
	"os"
	"sort"
	"strings"
	"time"
)

func main() {
	address := flag.String("address", "127.0.0.1:0", "where to listen")
	certificate := flag.String("certificate", "", "PEM file of the serving certificate; plain HTTP without it, as of a service behind a proxy")
	key := flag.String("key", "", "PEM file of its key")
	authorities := flag.String("client-ca", "", "PEM file of the authorities of client certificates, which stay optional; none are asked for without it")
	http2 := flag.Bool("http2", false, "offer HTTP/2 too")
	flag.Parse()

	configuration := &tls.Config{MinVersion: tls.VersionTLS12}
	if *authorities != "" {
		bundle, err := os.ReadFile(*authorities)
		if err != nil {
			log.Fatalf("-client-ca: %v", err)
		}
		configuration.ClientCAs = x509.NewCertPool()
		if !configuration.ClientCAs.AppendCertsFromPEM(bundle) {
			log.Fatalf("-client-ca: no certificate in %s", *authorities)
		}
		configuration.ClientAuth = tls.VerifyClientCertIfGiven
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(*http2)
	server := &http.Server{
		Addr:              *address,
		Handler:           http.HandlerFunc(echo),
		TLSConfig:         configuration,
		Protocols:         protocols,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       100 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // probes that open a connection and go
	}
	if *certificate == "" {
		log.Fatal(server.ListenAndServe())
	}
	log.Fatal(server.ListenAndServeTLS(*certificate, *key))
}

func echo(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1<<20)); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	names := make([]string, 0, len(r.Header)+1)
	for name := range r.Header {
		names = append(names, name)
	}
	sort.Strings(names)
	var text bytes.Buffer
	text.WriteString("host: " + r.Host + "\n")
	for _, name := range names {
		values := r.Header[name]
		text.WriteString(strings.ToLower(name))
		if len(values) == 1 {
			text.WriteString(": " + values[0] + "\n")
			continue
		}
		text.WriteString(":\n")
		for _, value := range values {
			text.WriteString("- " + value + "\n")
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(text.Bytes())
}
