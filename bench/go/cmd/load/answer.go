package main

import (
	"bufio"
	"bytes"
	"errors"
	"strconv"
	"strings"
	"syscall"
)

type answer struct {
	code   int
	bytes  int
	closes bool
}

// readAnswer reads one HTTP/1.1 response whole: a body by Content-Length, by chunks, or none.
func readAnswer(reader *bufio.Reader) (answer, error) {
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return answer{}, err
	}
	if len(line) < 13 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return answer{}, errors.New("not an HTTP/1.1 answer")
	}
	code, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return answer{}, errors.New("no status code")
	}
	a, length, chunked := answer{code: code, bytes: len(line)}, 0, false
	for {
		if line, err = reader.ReadSlice('\n'); err != nil {
			return a, err
		}
		a.bytes += len(line)
		if len(line) <= 2 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch len(name) { // allocates for the three names of interest only
		case len("Content-Length"), len("Transfer-Encoding"), len("Connection"):
			text := strings.ToLower(strings.TrimSpace(string(value)))
			switch strings.ToLower(string(name)) {
			case "content-length":
				if length, err = strconv.Atoi(text); err != nil {
					return a, errors.New("bad Content-Length")
				}
			case "transfer-encoding":
				chunked = text == "chunked"
			case "connection":
				a.closes = text == "close"
			}
		}
	}
	if !chunked {
		_, err = reader.Discard(length)
		a.bytes += length
		return a, err
	}
	for {
		if line, err = reader.ReadSlice('\n'); err != nil {
			return a, err
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(line)), 16, 64)
		if err != nil {
			return a, errors.New("bad chunk")
		}
		if _, err = reader.Discard(int(size) + 2); err != nil {
			return a, err
		}
		a.bytes += len(line) + int(size) + 2
		if size == 0 {
			return a, nil
		}
	}
}

// cpuSeconds is what this process has used: part of the machine that the measured servers did not have.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}
