// Command objects does what clients of a resource do, on one machine, and prints what it saw as JSON: it writes, lists, pages and watches.
//
// It looks at bytes and decodes no JSON: it shares the machine with what it measures.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

type report struct {
	Requests   int     `json:"requests"`
	Objects    int     `json:"objects"`
	Bytes      int     `json:"bytes"`
	Seconds    float64 `json:"seconds"`
	P50Seconds float64 `json:"p50_seconds"`
	P99Seconds float64 `json:"p99_seconds"`
	CPUSeconds float64 `json:"cpu_seconds"`
}

// A collection of objects of one server, and who asks for it.
type collection struct {
	client  *http.Client
	url     string
	headers http.Header
	kind    string
	version string
	padding string
}

func main() {
	base := flag.String("url", "", "https://127.0.0.1:PORT/apis/GROUP/VERSION/namespaces/NAMESPACE/PLURAL")
	kind := flag.String("kind", "Flunder", "of the objects")
	authorities := flag.String("ca", "", "PEM file of the server's authorities")
	serverName := flag.String("server-name", "", "the name to verify")
	certificate := flag.String("certificate", "", "PEM file of the front proxy's certificate")
	key := flag.String("key", "", "PEM file of its key")
	what := flag.String("do", "", "fill, write, list, page or watch")
	writers := flag.Int("writers", 8, "who write at the same time")
	from := flag.Int("from", 0, "fill: number of the first object")
	to := flag.Int("to", 0, "fill: number of the first object that is not made")
	duration := flag.Duration("duration", time.Second, "write: how long")
	prefix := flag.String("prefix", "o", "of names")
	limit := flag.Int("limit", 500, "page: objects of a page")
	compressed := flag.Bool("gzip", false, "list: ask for gzip")
	watchers := flag.Int("watchers", 1000, "watch: how many")
	events := flag.Int("events", 100, "watch: how many each is told")
	http2 := flag.Bool("http2", false, "HTTP/2, if the server speaks it")
	flag.Parse()

	c := collection{url: *base, kind: *kind, padding: strings.Repeat("x", 800)}
	c.version = apiVersion(*base)
	c.client = &http.Client{Transport: transport(*authorities, *serverName, *certificate, *key, *http2)}
	c.headers = http.Header{"X-Remote-User": {"bench"}, "X-Remote-Group": {"system:masters"}, "User-Agent": {"objects"}, "Accept": {"application/json"}}
	var found report
	switch *what {
	case "fill":
		found = c.fill(*prefix, *from, *to, *writers)
	case "write":
		found = c.write(*prefix, *writers, *duration)
	case "list":
		found = c.list(*compressed)
	case "page":
		found = c.page(*limit)
	case "watch":
		found = c.watch(*prefix, *watchers, *events)
	default:
		fail("-do must be fill, write, list, page or watch, not '%s'", *what)
	}
	found.CPUSeconds = cpuSeconds()
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		fail("%v", err)
	}
}

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(2)
}

// apiVersion refuses any target that is not on this machine: this program is for measurements, not for other people's servers.
func apiVersion(target string) string {
	parsed, err := url.Parse(target)
	if err != nil || parsed.Scheme != "https" || parsed.Port() == "" {
		fail("-url must be https://<loopback address>:<port>/apis/…, not '%s'", target)
	}
	if ip := net.ParseIP(parsed.Hostname()); ip == nil || !ip.IsLoopback() {
		fail("-url must name a loopback address such as 127.0.0.1, not '%s'", parsed.Hostname())
	}
	parts := strings.Split(parsed.Path, "/")
	if len(parts) < 5 || parts[1] != "apis" {
		fail("-url must have a path such as /apis/GROUP/VERSION/namespaces/NAMESPACE/PLURAL, not '%s'", parsed.Path)
	}
	return parts[2] + "/" + parts[3]
}

func transport(authorities, serverName, certificate, key string, http2 bool) *http.Transport {
	bundle, err := os.ReadFile(authorities)
	if err != nil {
		fail("-ca: %v", err)
	}
	configuration := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool(), ServerName: serverName}
	if !configuration.RootCAs.AppendCertsFromPEM(bundle) {
		fail("-ca: no certificate in %s", authorities)
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		fail("-certificate and -key: %v", err)
	}
	configuration.Certificates = []tls.Certificate{pair}
	return &http.Transport{TLSClientConfig: configuration, ForceAttemptHTTP2: http2, MaxIdleConnsPerHost: 256, DisableCompression: true}
}

func summary(durations []time.Duration, seconds float64) report {
	found := report{Requests: len(durations), Seconds: seconds}
	if len(durations) > 0 {
		slices.Sort(durations)
		at := func(share float64) float64 { return durations[int(share*float64(len(durations)-1))].Seconds() }
		found.P50Seconds, found.P99Seconds = at(0.5), at(0.99)
	}
	return found
}

// cpuSeconds is what this process has used: part of the machine that the measured servers did not have.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}
