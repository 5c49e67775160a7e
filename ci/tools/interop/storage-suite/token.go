package main

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"k8s.io/apiserver/pkg/storage"
)

// What leads from one page to the next is for the server alone, and upstream's tests make and compare kube-apiserver's own.
// These two functions stand between its form and the library's, extension_apiserver/store/token.py.

type library struct {
	Revision int64     `json:"rv"`
	After    [2]string `json:"after"`
}

// ours returns the library's token for one of kube-apiserver's, or the same text if it is none.
func ours(token, namespace string) string {
	start, revision, err := storage.DecodeContinue(token, "/")
	if err != nil {
		return token
	}
	after := [2]string{namespace, strings.TrimPrefix(start, "/")}
	if namespace == "" {
		first, second, _ := strings.Cut(after[1], "/")
		after = [2]string{first, second}
	}
	if name, behind := strings.CutSuffix(after[1], "\x00"); behind {
		after[1] = name
	} else if last := len(name) - 1; last >= 0 {
		after[1] = name[:last] + string(rune(name[last]-1)) + "~" // no name is between
	}
	text, _ := json.Marshal(library{revision, after})
	return base64.RawURLEncoding.EncodeToString(text)
}

// theirs returns kube-apiserver's token for one of the library's.
func theirs(token, namespace string) string {
	var found library
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || json.Unmarshal(text, &found) != nil {
		return token
	}
	start := found.After[1] + "\x00"
	if namespace == "" {
		start = found.After[0] + "/" + start
	}
	made, err := storage.EncodeContinue("/"+start, "/", found.Revision)
	if err != nil {
		return token
	}
	return made
}
