// Command load sends requests over N connections, each connection one after another, and prints what it saw as JSON.
//
// It writes prepared bytes and reads answers with as little work as can be: it shares the machine with what it measures, and
// whatever it costs is added to every peer alike, which makes the peers look more alike than they are.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

type headers []string

func (h *headers) String() string          { return strings.Join(*h, ", ") }
func (h *headers) Set(header string) error { *h = append(*h, header); return nil }

type report struct {
	Requests   int            `json:"requests"`
	Sent       int            `json:"sent"`
	Errors     int            `json:"errors"`
	Codes      map[int]int    `json:"codes"`
	Failures   map[string]int `json:"failures"`
	Seconds    float64        `json:"seconds"`
	BytesRead  int            `json:"bytes_read"`
	P50Seconds float64        `json:"p50_seconds"`
	P90Seconds float64        `json:"p90_seconds"`
	P99Seconds float64        `json:"p99_seconds"`
	MaxSeconds float64        `json:"max_seconds"`
	CPUSeconds float64        `json:"cpu_seconds"`
}

// One connection's share of the report.
type share struct {
	durations []time.Duration
	sent      int
	codes     map[int]int
	failures  map[string]int
	bytes     int
}

func main() {
	var extra headers
	target := flag.String("url", "", "https://127.0.0.1:PORT/path")
	connections := flag.Int("connections", 1, "how many, 1 to 256")
	duration := flag.Duration("duration", time.Second, "how long, at most 30m")
	warmUp := flag.Duration("warm-up", 200*time.Millisecond, "not counted, before it")
	authorities := flag.String("ca", "", "PEM file of the server's authorities")
	serverName := flag.String("server-name", "", "the name to verify, if it is not the URL's host")
	certificate := flag.String("certificate", "", "PEM file of a client certificate")
	key := flag.String("key", "", "PEM file of its key")
	tokenFile := flag.String("token-file", "", "file of a bearer token")
	bodyBytes := flag.Int("body-bytes", 0, "POST a body of this size")
	reconnect := flag.Bool("reconnect", false, "a new connection for every request")
	requests := flag.Int("requests", 0, "stop each connection after that many; 0 goes by time alone")
	flag.Var(&extra, "header", "'Name: value', may be repeated")
	flag.Parse()

	address, configuration := endpoint(*target, *authorities, *serverName, *certificate, *key)
	if *connections < 1 || *connections > 256 || *duration > 30*time.Minute {
		fail("-connections must be 1 to 256 and -duration at most 30m")
	}
	if *tokenFile != "" {
		token, err := os.ReadFile(*tokenFile)
		if err != nil {
			fail("-token-file: %v", err)
		}
		extra = append(extra, "Authorization: Bearer "+strings.TrimSpace(string(token)))
	}
	request := requestBytes(*target, extra, *bodyBytes)

	begin := time.Now().Add(*warmUp)
	end := begin.Add(*duration)
	shares := make([]share, *connections)
	var group sync.WaitGroup
	for i := range shares {
		group.Go(func() { shares[i] = run(address, configuration, request, begin, end, *requests, *reconnect) })
	}
	group.Wait()
	if err := json.NewEncoder(os.Stdout).Encode(summary(shares, *duration)); err != nil {
		fail("%v", err)
	}
}

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(2)
}

// endpoint refuses any target that is not on this machine: this program is for measurements, not for other people's servers.
func endpoint(target, authorities, serverName, certificate, key string) (string, *tls.Config) {
	parsed, err := url.Parse(target)
	if err != nil || parsed.Scheme != "https" || parsed.Port() == "" {
		fail("-url must be https://<loopback address>:<port>/<path>, not '%s'", target)
	}
	if ip := net.ParseIP(parsed.Hostname()); ip == nil || !ip.IsLoopback() {
		fail("-url must name a loopback address such as 127.0.0.1, not '%s'", parsed.Hostname())
	}
	bundle, err := os.ReadFile(authorities)
	if err != nil {
		fail("-ca: %v", err)
	}
	configuration := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool(), ServerName: serverName, NextProtos: []string{"http/1.1"}}
	if !configuration.RootCAs.AppendCertsFromPEM(bundle) {
		fail("-ca: no certificate in %s", authorities)
	}
	if serverName == "" {
		configuration.ServerName = parsed.Hostname()
	}
	if certificate != "" {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			fail("-certificate and -key: %v", err)
		}
		configuration.Certificates = []tls.Certificate{pair}
	}
	return parsed.Host, configuration
}

func requestBytes(target string, extra headers, bodyBytes int) []byte {
	parsed, _ := url.Parse(target)
	method := "GET"
	if bodyBytes > 0 {
		method = "POST"
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: load\r\nAccept: */*\r\n", method, parsed.RequestURI(), parsed.Host)
	for _, header := range extra {
		text.WriteString(header + "\r\n")
	}
	if bodyBytes > 0 {
		fmt.Fprintf(&text, "Content-Type: application/octet-stream\r\nContent-Length: %d\r\n", bodyBytes)
	}
	text.WriteString("\r\n")
	text.WriteString(strings.Repeat("x", bodyBytes))
	return []byte(text.String())
}

func run(address string, configuration *tls.Config, request []byte, begin, end time.Time, requests int, reconnect bool) share {
	mine := share{codes: map[int]int{}, failures: map[string]int{}}
	var connection *tls.Conn
	var reader *bufio.Reader
	drop := func() {
		if connection != nil {
			_ = connection.Close()
			connection = nil
		}
	}
	defer drop()
	for attempts := 0; requests == 0 || attempts < requests; attempts++ {
		started := time.Now()
		if started.After(end) {
			break
		}
		a, err := answer{}, error(nil)
		if connection == nil {
			connection, err = tls.DialWithDialer(&net.Dialer{Deadline: end.Add(10 * time.Second)}, "tcp", address, configuration)
			if err != nil {
				connection = nil
			} else {
				_ = connection.SetDeadline(end.Add(10 * time.Second))
				reader = bufio.NewReaderSize(connection, 64<<10)
			}
		}
		if err == nil {
			if _, err = connection.Write(request); err == nil {
				a, err = readAnswer(reader)
			}
		}
		if err != nil || a.closes || reconnect {
			drop()
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // a refused connection must not become a busy loop
		}
		ended := time.Now()
		mine.sent++
		if started.Before(begin) || ended.After(end) && err == nil {
			continue
		}
		if err != nil {
			mine.failures[err.Error()]++
			continue
		}
		mine.codes[a.code]++
		mine.bytes += a.bytes
		mine.durations = append(mine.durations, ended.Sub(started))
	}
	return mine
}

func summary(shares []share, duration time.Duration) report {
	all := report{Codes: map[int]int{}, Failures: map[string]int{}, Seconds: duration.Seconds(), CPUSeconds: cpuSeconds()}
	var durations []time.Duration
	for _, one := range shares {
		durations = append(durations, one.durations...)
		all.BytesRead += one.bytes
		all.Sent += one.sent
		for code, count := range one.codes {
			all.Codes[code] += count
			if code != 200 {
				all.Errors += count
			}
		}
		for text, count := range one.failures {
			all.Failures[text] += count
			all.Errors += count
		}
	}
	all.Requests = len(durations)
	if len(durations) > 0 {
		slices.Sort(durations)
		at := func(share float64) float64 { return durations[int(share*float64(len(durations)-1))].Seconds() }
		all.P50Seconds, all.P90Seconds, all.P99Seconds, all.MaxSeconds = at(0.5), at(0.9), at(0.99), at(1)
	}
	return all
}
