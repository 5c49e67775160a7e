// Command reverseproxy puts a service behind kube-apiserver as one would with Go's standard library: httputil.ReverseProxy behind the
// check that an extension API server owes. It is what the gateway is compared with.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

type status struct {
	Kind       string `json:"kind"`
	APIVersion string `json:"apiVersion"`
	Status     string `json:"status"`
	Message    string `json:"message"`
	Reason     string `json:"reason"`
	Code       int    `json:"code"`
}

func main() {
	address := flag.String("address", "127.0.0.1:0", "where to listen")
	certificate := flag.String("certificate", "", "PEM file of the serving certificate")
	key := flag.String("key", "", "PEM file of its key")
	authorities := flag.String("client-ca", "", "PEM file of the front proxy's authorities")
	names := flag.String("allowed-names", "", "common names that a front proxy may have, with commas between")
	base := flag.String("base", "", "/apis/GROUP/VERSION, which is cut off")
	upstream := flag.String("upstream", "", "URL of the service")
	flag.Parse()

	bundle, err := os.ReadFile(*authorities)
	if err != nil {
		log.Fatalf("-client-ca: %v", err)
	}
	target, err := url.Parse(*upstream)
	if err != nil || target.Host == "" {
		log.Fatalf("-upstream must be a URL, not '%s'", *upstream)
	}
	configuration := &tls.Config{MinVersion: tls.VersionTLS12, ClientCAs: x509.NewCertPool(), ClientAuth: tls.VerifyClientCertIfGiven}
	if !configuration.ClientCAs.AppendCertsFromPEM(bundle) {
		log.Fatalf("-client-ca: no certificate in %s", *authorities)
	}
	// The default of two idle connections would have it dial for nearly every request.
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy, transport.MaxIdleConns, transport.MaxIdleConnsPerHost = nil, 128, 128
	transport.DisableCompression = true
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Path = "/" + strings.TrimPrefix(strings.TrimPrefix(r.In.URL.Path, *base), "/")
			r.Out.URL.RawPath = ""
			r.SetURL(target)
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
			r.SetXForwarded()
			identify(r.In.Header, r.Out.Header)
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	allowed := strings.Split(*names, ",")
	discovery, _ := json.Marshal(map[string]any{
		"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": strings.TrimPrefix(*base, "/apis/"), "resources": []any{},
	})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			_, _ = io.WriteString(w, "ok")
			return
		}
		if !fromFrontProxy(r, allowed) {
			refuse(w, http.StatusUnauthorized, "Unauthorized", "no front proxy's certificate, or no user")
			return
		}
		switch {
		case r.URL.Path == *base:
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(discovery)
		case strings.HasPrefix(r.URL.Path, *base+"/"):
			proxy.ServeHTTP(w, r)
		default:
			refuse(w, http.StatusNotFound, "NotFound", "the server could not find the requested resource")
		}
	})
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // as the gateway
	server := &http.Server{
		Addr:              *address,
		Handler:           handler,
		TLSConfig:         configuration,
		Protocols:         protocols,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       100 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // probes that open a connection and go
	}
	log.Fatal(server.ListenAndServeTLS(*certificate, *key))
}

// fromFrontProxy is what kube-apiserver's own requestheader authenticator asks: a verified certificate, its name, and a user.
func fromFrontProxy(r *http.Request, allowed []string) bool {
	if len(r.TLS.VerifiedChains) == 0 || r.Header.Get("X-Remote-User") == "" {
		return false
	}
	return slices.Contains(allowed, r.TLS.PeerCertificates[0].Subject.CommonName)
}

// identify leaves no header in out that could claim an identity, and sets those of the verified caller.
func identify(in, out http.Header) {
	for name := range out {
		plain := strings.ReplaceAll(strings.ToLower(name), "_", "-")
		if strings.HasPrefix(plain, "x-remote-") || strings.HasPrefix(plain, "x-forwarded-user") ||
			strings.HasPrefix(plain, "x-forwarded-group") || plain == "authorization" {
			delete(out, name)
		}
	}
	for name, values := range in {
		if name == "X-Remote-User" || name == "X-Remote-Group" || name == "X-Remote-Uid" || strings.HasPrefix(name, "X-Remote-Extra-") {
			out[name] = values
		}
	}
}

func refuse(w http.ResponseWriter, code int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(status{"Status", "v1", "Failure", message, reason, code})
}
