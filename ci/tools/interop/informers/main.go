// Informers by client-go and by controller-runtime, as tests/resource_checks/informers.py describes them.
//
// Usage: KUBECONFIG=… informers client-go|controller-runtime GROUP VERSION PLURAL KIND NAMESPACE
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// asking says which lists are asked for as a stream: client-go falls back to pages where it gets none.
type asking struct{ next http.RoundTripper }

func (a asking) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := a.next.RoundTrip(request)
	if err == nil && request.URL.Query().Get("sendInitialEvents") == "true" {
		fmt.Println("streamed", answer.StatusCode)
	}
	return answer, err
}

func said(item *unstructured.Unstructured) {
	size, _, _ := unstructured.NestedInt64(item.Object, "spec", "size")
	fmt.Println("seen", item.GetName(), size)
}

func main() {
	ways := map[string]func(context.Context, *rest.Config, schema.GroupVersionResource, string, string) error{
		"client-go": informer, "controller-runtime": manager,
	}
	if len(os.Args) != 7 || ways[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: informers client-go|controller-runtime GROUP VERSION PLURAL KIND NAMESPACE")
		os.Exit(2)
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err == nil {
		config.Wrap(func(next http.RoundTripper) http.RoundTripper { return asking{next} })
		resource := schema.GroupVersionResource{Group: os.Args[2], Version: os.Args[3], Resource: os.Args[4]}
		err = ways[os.Args[1]](context.Background(), config, resource, os.Args[5], os.Args[6])
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
