package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The name, and the resourceVersion of an object that is there; it differs in its reference.
func (c *collection) object(name, version, reference string) string {
	if version != "" {
		version = fmt.Sprintf(`"resourceVersion":"%s",`, version)
	}
	return fmt.Sprintf(
		`{"apiVersion":"%s","kind":"%s","metadata":{"name":"%s",%s"labels":{"app":"bench"},"annotations":{"note":"%s"}},"spec":{"reference":"%s","referenceType":"Flunder"}}`,
		c.version, c.kind, name, version, c.padding, reference)
}

func (c *collection) ask(method, path, body string, compressed bool) *http.Response {
	request, err := http.NewRequest(method, c.url+path, strings.NewReader(body))
	if err != nil {
		fail("%v", err)
	}
	request.Header = c.headers.Clone()
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if compressed {
		request.Header.Set("Accept-Encoding", "gzip")
	}
	answer, err := c.client.Do(request)
	if err != nil {
		fail("%s %s: %v", method, path, err)
	}
	if answer.StatusCode/100 != 2 {
		text, _ := io.ReadAll(answer.Body)
		fail("%s %s: %d %s", method, path, answer.StatusCode, text)
	}
	return answer
}

func (c *collection) read(method, path, body string, compressed bool) []byte {
	answer := c.ask(method, path, body, compressed)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		fail("%s %s: %v", method, path, err)
	}
	return text
}

// field is the first string of that name in JSON; the objects of this program have no such text elsewhere.
func field(text []byte, name string) string {
	_, rest, found := bytes.Cut(text, []byte(`"`+name+`":`))
	rest = bytes.TrimLeft(rest, " ")
	if !found || len(rest) == 0 || rest[0] != '"' {
		return ""
	}
	end := bytes.IndexByte(rest[1:], '"')
	return string(rest[1 : 1+end])
}

func (c *collection) fill(prefix string, from, to, writers int) report {
	var next atomic.Int64
	next.Store(int64(from))
	return together(writers, func(int) []time.Duration {
		var mine []time.Duration
		for number := next.Add(1) - 1; number < int64(to); number = next.Add(1) - 1 {
			began := time.Now()
			c.read("POST", "", c.object(fmt.Sprintf("%s-%06d", prefix, number), "", "another"), false)
			mine = append(mine, time.Since(began))
		}
		return mine
	})
}

// write counts creations and updates, by turns.
func (c *collection) write(prefix string, writers int, duration time.Duration) report {
	end := time.Now().Add(duration)
	return together(writers, func(writer int) []time.Duration {
		var mine []time.Duration
		for number := 0; time.Now().Before(end); number++ {
			name := fmt.Sprintf("%s-%d-%d", prefix, writer, number)
			began := time.Now()
			made := c.read("POST", "", c.object(name, "", "one"), false)
			between := time.Now()
			c.read("PUT", "/"+name, c.object(name, field(made, "resourceVersion"), "two"), false)
			mine = append(mine, between.Sub(began), time.Since(between))
		}
		return mine
	})
}

func together(count int, work func(int) []time.Duration) report {
	began := time.Now()
	parts := make([][]time.Duration, count)
	var group sync.WaitGroup
	for i := range parts {
		group.Go(func() { parts[i] = work(i) })
	}
	group.Wait()
	seconds := time.Since(began).Seconds()
	var all []time.Duration
	for _, part := range parts {
		all = append(all, part...)
	}
	found := summary(all, seconds)
	found.Objects = len(all)
	return found
}

func (c *collection) list(compressed bool) report {
	c.read("GET", "?limit=1", "", false) // a connection
	began := time.Now()
	text := c.read("GET", "", "", compressed)
	seconds := time.Since(began).Seconds()
	return report{Requests: 1, Objects: bytes.Count(text, []byte(`"uid":`)), Bytes: len(text), Seconds: seconds}
}

func (c *collection) page(limit int) report {
	var durations []time.Duration
	objects, size := 0, 0
	began := time.Now()
	for next, more := "", true; more; more = next != "" {
		asked := time.Now()
		text := c.read("GET", fmt.Sprintf("?limit=%d&continue=%s", limit, url.QueryEscape(next)), "", false)
		durations = append(durations, time.Since(asked))
		objects += bytes.Count(text, []byte(`"uid":`))
		size += len(text)
		next = field(text, "continue")
	}
	found := summary(durations, time.Since(began).Seconds())
	found.Objects, found.Bytes = objects, size
	return found
}

// watch lets each watcher be told of each change of one object, from the first write until the last watcher has the last event.
func (c *collection) watch(prefix string, watchers, events int) report {
	name := prefix + "-watched"
	version := field(c.read("POST", "", c.object(name, "", "one"), false), "resourceVersion")
	path := "?watch=1&resourceVersion=" + version + "&timeoutSeconds=600"
	var opened, ended sync.WaitGroup
	var bytesRead atomic.Int64
	slots := make(chan struct{}, 32) // handshakes at the same time
	for range watchers {
		opened.Add(1)
		ended.Go(func() {
			slots <- struct{}{}
			answer := c.ask("GET", path, "", false)
			<-slots
			opened.Done()
			defer answer.Body.Close()
			lines := bufio.NewReaderSize(answer.Body, 16<<10)
			for told := 0; told < events; {
				line, err := lines.ReadSlice('\n')
				bytesRead.Add(int64(len(line)))
				if err == bufio.ErrBufferFull {
					continue
				}
				if err != nil {
					fail("a watcher was told %d of %d events: %v", told, events, err)
				}
				told++
			}
		})
	}
	opened.Wait()
	began := time.Now()
	durations := make([]time.Duration, events)
	for number := range events {
		asked := time.Now()
		version = field(c.read("PUT", "/"+name, c.object(name, version, fmt.Sprint(number)), false), "resourceVersion")
		durations[number] = time.Since(asked)
	}
	ended.Wait()
	found := summary(durations, time.Since(began).Seconds())
	found.Objects, found.Bytes = watchers*events, int(bytesRead.Load())
	return found
}
