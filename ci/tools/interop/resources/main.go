// Checks that a resource keeps what kube-apiserver keeps for one of a CustomResourceDefinition, with client-go:
// what controllers, GitOps tools and kubectl rely on. Run it on both, and whatever one of them fails is told.
//
// Usage: resources KUBECONFIG GROUP VERSION PLURAL KIND NAMESPACE
// The kind has the schema in tests/resource_checks/twins.py, with the subresources status and scale.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// subject is the resource that is checked, and who asks it.
type subject struct {
	ctx       context.Context
	config    *rest.Config
	group     schema.GroupVersionResource
	kind      string
	namespace string
	dynamic   dynamic.Interface
	metadata  metadata.Interface
	cluster   kubernetes.Interface
	discovery discovery.DiscoveryInterface
	number    int
}

type check struct {
	name string
	run  func(*subject)
}

// failure ends a check.
type failure string

func fail(format string, values ...any) { panic(failure(fmt.Sprintf(format, values...))) }

func must[T any](value T, err error) T {
	if err != nil {
		fail("%v", err)
	}
	return value
}

func (s *subject) objects() dynamic.ResourceInterface {
	return s.dynamic.Resource(s.group).Namespace(s.namespace)
}

// name returns one that nobody had.
func (s *subject) name() string {
	s.number++
	return fmt.Sprintf("twin-%d", s.number)
}

// made returns an object that is not yet created; a nil spec is {size: 1}.
func (s *subject) made(name string, spec map[string]any) *unstructured.Unstructured {
	if spec == nil {
		spec = map[string]any{"size": int64(1)}
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": s.group.GroupVersion().String(), "kind": s.kind,
		"metadata": map[string]any{"name": name}, "spec": spec,
	}}
}

func (s *subject) created(spec map[string]any) *unstructured.Unstructured {
	return must(s.objects().Create(s.ctx, s.made(s.name(), spec), metav1.CreateOptions{}))
}

func (s *subject) got(name string) *unstructured.Unstructured {
	return must(s.objects().Get(s.ctx, name, metav1.GetOptions{}))
}

// eventually waits for a condition, which returns what is missing.
func eventually(what string, condition func() string) {
	missing := "nothing was asked"
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if missing = condition(); missing == "" {
			return
		}
	}
	fail("%s: %s", what, missing)
}

func (s *subject) outcome(one check) (result string) {
	defer func() {
		if found := recover(); found != nil {
			if words, is := found.(failure); is {
				result = string(words)
				return
			}
			panic(found)
		}
	}()
	one.run(s)
	return ""
}

func main() {
	if len(os.Args) < 7 {
		fmt.Fprintln(os.Stderr, "usage: resources KUBECONFIG GROUP VERSION PLURAL KIND NAMESPACE [CHECK]")
		os.Exit(2)
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	config.QPS, config.Burst = 1000, 1000
	config.UserAgent = "resources/1"
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	s := &subject{
		ctx: ctx, config: config, kind: os.Args[5], namespace: os.Args[6],
		group:   schema.GroupVersionResource{Group: os.Args[2], Version: os.Args[3], Resource: os.Args[4]},
		dynamic: dynamic.NewForConfigOrDie(config), metadata: metadata.NewForConfigOrDie(config),
		cluster:   kubernetes.NewForConfigOrDie(config),
		discovery: discovery.NewDiscoveryClientForConfigOrDie(config),
	}
	failed := 0
	for _, checks := range [][]check{discoveryChecks, metadataChecks, updateChecks, patchChecks, applyChecks, listChecks, watchChecks, informerChecks, deleteChecks, controllerChecks, formChecks, scaleChecks} {
		for _, one := range checks {
			if len(os.Args) > 7 && !strings.Contains(one.name, os.Args[7]) {
				continue
			}
			if why := s.outcome(one); why != "" {
				failed++
				fmt.Printf("FAIL %s: %s\n", one.name, strings.ReplaceAll(why, "\n", " "))
			} else {
				fmt.Printf("ok   %s\n", one.name)
			}
		}
	}
	if failed > 0 {
		os.Exit(1)
	}
}
