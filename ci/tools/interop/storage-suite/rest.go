package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/storage"
	storagetesting "k8s.io/apiserver/pkg/storage/testing"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// nowhere is the namespace of what upstream keeps in none.
const nowhere = "in-no-namespace"

// resource is what is asked over REST.
type resource struct {
	group   schema.GroupVersionResource
	kind    string
	isCRD   bool
	dynamic dynamic.NamespaceableResourceInterface
	cluster kubernetes.Interface
}

func newResource(kubeconfig, group, version, plural, kind string, isCRD bool) (*resource, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 1000, 1000
	config.UserAgent = "storage-suite/1"
	found := schema.GroupVersionResource{Group: group, Version: version, Resource: plural}
	return &resource{found, kind, isCRD, dynamic.NewForConfigOrDie(config).Resource(found), kubernetes.NewForConfigOrDie(config)}, nil
}

// empty deletes all objects.
func (r *resource) empty(ctx context.Context) error {
	all, err := r.dynamic.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	done := map[string]bool{}
	for _, item := range all.Items {
		if namespace := item.GetNamespace(); !done[namespace] {
			done[namespace] = true
			if err := r.dynamic.Namespace(namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// create makes an object, and its namespace if there is none.
func (r *resource) create(ctx context.Context, namespace string, item *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	made, err := r.dynamic.Namespace(namespace).Create(ctx, item, metav1.CreateOptions{})
	if !apierrors.IsNotFound(err) {
		return made, err
	}
	wanted := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if _, err := r.cluster.CoreV1().Namespaces().Create(ctx, wanted, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return nil, err
	}
	return r.dynamic.Namespace(namespace).Create(ctx, item, metav1.CreateOptions{})
}

// store is a store of kube-apiserver. A pod is kept as text within an object, for upstream's tests choose its uid and generation
// as nobody else may; its labels and its node are outside, too, where selectors find them.
type store struct{ *resource }

var versioner = storage.APIObjectVersioner{}

// place returns what a key such as /pods/namespace/name names; the namespace is "" for all.
func place(key string, recursive bool) (namespace, name string) {
	parts := strings.Split(strings.TrimPrefix(key, "/pods"), "/")
	if recursive {
		return strings.Join(parts[1:min(2, len(parts))], ""), ""
	}
	if name = parts[len(parts)-1]; len(parts) > 2 && parts[1] != "" {
		return parts[1], name
	}
	return nowhere, name
}

func (s *store) at(key string) (dynamic.ResourceInterface, string) {
	namespace, name := place(key, false)
	return s.dynamic.Namespace(namespace), name
}

func (s *store) object(key string, pod *example.Pod, version string) *unstructured.Unstructured {
	kept := *pod
	kept.ResourceVersion, kept.SelfLink = "", ""
	text, err := json.Marshal(kept)
	if err != nil {
		panic(err)
	}
	_, name := place(key, false)
	item := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": s.group.GroupVersion().String(), "kind": s.kind, "metadata": map[string]any{"name": name},
		"spec": map[string]any{"size": int64(1), "nodeName": pod.Spec.NodeName, "free": map[string]any{"pod": string(text)}},
	}}
	item.SetLabels(pod.Labels)
	item.SetResourceVersion(version)
	return item
}

func decode(item *unstructured.Unstructured, pod *example.Pod) error {
	*pod = example.Pod{}
	text, found, err := unstructured.NestedString(item.Object, "spec", "free", "pod")
	if err != nil || !found {
		return fmt.Errorf("%s has no pod in it (%v)", item.GetName(), err)
	}
	if err := json.Unmarshal([]byte(text), pod); err != nil {
		return err
	}
	pod.ResourceVersion = item.GetResourceVersion()
	return nil
}

// told turns a Status into what a store says.
func told(key string, err error) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err):
		return storage.NewKeyNotFoundError(key, 0)
	case apierrors.IsAlreadyExists(err):
		return storage.NewKeyExistsError(key, 0)
	case apierrors.IsConflict(err):
		return storage.NewResourceVersionConflictsError(key, 0)
	case strings.Contains(err.Error(), storage.ErrResourceVersionSetOnCreate.Error()):
		return storage.ErrResourceVersionSetOnCreate
	}
	return err
}

func (s *store) Versioner() storage.Versioner { return versioner }

func (s *store) Create(ctx context.Context, key string, obj, out runtime.Object, _ uint64) error {
	pod := obj.(*example.Pod)
	namespace, _ := place(key, false)
	made, err := s.create(ctx, namespace, s.object(key, pod, pod.ResourceVersion))
	if err != nil {
		return told(key, err)
	}
	return decode(made, out.(*example.Pod))
}

func (s *store) Get(ctx context.Context, key string, opts storage.GetOptions, out runtime.Object) error {
	objects, name := s.at(key)
	found, err := objects.Get(ctx, name, metav1.GetOptions{ResourceVersion: opts.ResourceVersion})
	if apierrors.IsNotFound(err) && opts.IgnoreNotFound {
		*out.(*example.Pod) = example.Pod{}
		return nil
	}
	if err != nil {
		return told(key, err)
	}
	return decode(found, out.(*example.Pod))
}

// Delete watches for the end, for the answer to a deletion does not tell the revision that it has made.
func (s *store) Delete(ctx context.Context, key string, out runtime.Object, preconditions *storage.Preconditions, validate storage.ValidateObjectFunc, _ runtime.Object, _ storage.DeleteOptions) error {
	objects, name := s.at(key)
	for {
		found, err := objects.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return told(key, err)
		}
		pod := out.(*example.Pod)
		if err := decode(found, pod); err != nil {
			return err
		}
		if err := preconditions.Check(key, pod); err != nil {
			return err
		}
		if err := validate(ctx, pod); err != nil {
			return err
		}
		version := found.GetResourceVersion()
		watcher, err := objects.Watch(ctx, metav1.ListOptions{ResourceVersion: version, FieldSelector: "metadata.name=" + name})
		if err != nil {
			return err
		}
		defer watcher.Stop()
		err = objects.Delete(ctx, name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &version}})
		if apierrors.IsConflict(err) {
			continue
		}
		if err != nil {
			return told(key, err)
		}
		for event := range watcher.ResultChan() {
			if event.Type == watch.Deleted {
				return decode(event.Object.(*unstructured.Unstructured), pod)
			}
		}
		return fmt.Errorf("%s: the watch ended before it told of the deletion", key)
	}
}

func (s *store) GuaranteedUpdate(ctx context.Context, key string, out runtime.Object, ignoreNotFound bool, preconditions *storage.Preconditions, update storage.UpdateFunc, _ runtime.Object) error {
	namespace, name := place(key, false)
	for {
		old := &example.Pod{}
		if err := s.Get(ctx, key, storage.GetOptions{IgnoreNotFound: ignoreNotFound}, old); err != nil {
			return err
		}
		if err := preconditions.Check(key, old); err != nil {
			return err
		}
		version := old.ResourceVersion
		number, _ := strconv.ParseUint(version, 10, 64)
		changed, _, err := update(old, storage.ResponseMeta{ResourceVersion: number})
		if err != nil {
			return err
		}
		item := s.object(key, changed.(*example.Pod), version)
		var done *unstructured.Unstructured
		if version == "" {
			done, err = s.create(ctx, namespace, item)
		} else {
			item.SetName(name)
			done, err = s.dynamic.Namespace(namespace).Update(ctx, item, metav1.UpdateOptions{})
		}
		if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
			continue
		}
		if err != nil {
			return told(key, err)
		}
		return decode(done, out.(*example.Pod))
	}
}

// selected returns where to ask, and the options of the request.
func (s *store) selected(ctx context.Context, key string, opts storage.ListOptions) (dynamic.ResourceInterface, metav1.ListOptions) {
	namespace, name := place(key, opts.Recursive)
	asked := metav1.ListOptions{
		ResourceVersion: opts.ResourceVersion, ResourceVersionMatch: opts.ResourceVersionMatch, SendInitialEvents: opts.SendInitialEvents,
		Limit: opts.Predicate.Limit, Continue: opts.Predicate.Continue, AllowWatchBookmarks: opts.Predicate.AllowWatchBookmarks,
	}
	if opts.SendInitialEvents != nil {
		asked.ResourceVersionMatch = metav1.ResourceVersionMatchNotOlderThan // which a request has to say
	}
	if deadline, is := ctx.Deadline(); is {
		seconds := int64(time.Until(deadline).Seconds() + 0.5)
		asked.TimeoutSeconds = &seconds
	}
	if opts.Predicate.Label != nil {
		asked.LabelSelector = opts.Predicate.Label.String()
	}
	var fields []string
	if opts.Predicate.Field != nil && !opts.Predicate.Field.Empty() {
		fields = append(fields, opts.Predicate.Field.String())
	}
	if !opts.Recursive {
		fields = append(fields, "metadata.name="+name)
	}
	asked.FieldSelector = strings.Join(fields, ",")
	if asked.Continue != "" && !s.isCRD {
		asked.Continue = ours(asked.Continue, namespace)
	}
	if namespace == "" {
		return s.dynamic, asked
	}
	return s.dynamic.Namespace(namespace), asked
}

func (s *store) GetList(ctx context.Context, key string, opts storage.ListOptions, out runtime.Object) error {
	objects, asked := s.selected(ctx, key, opts)
	found, err := objects.List(ctx, asked)
	if err != nil {
		return err
	}
	list := out.(*example.PodList)
	list.Items = []example.Pod{}
	for number := range found.Items {
		if found.Items[number].GetNamespace() == lastNamespace {
			continue
		}
		var pod example.Pod
		if err := decode(&found.Items[number], &pod); err != nil {
			return err
		}
		list.Items = append(list.Items, pod)
	}
	list.ResourceVersion, list.Continue, list.RemainingItemCount = found.GetResourceVersion(), found.GetContinue(), found.GetRemainingItemCount()
	if list.Continue != "" && !s.isCRD {
		namespace, _ := place(key, opts.Recursive)
		list.Continue = theirs(list.Continue, namespace)
	}
	return nil
}

func (s *store) Watch(ctx context.Context, key string, opts storage.ListOptions) (watch.Interface, error) {
	if ctx.Err() != nil {
		return watch.NewEmptyWatch(), nil
	}
	objects, asked := s.selected(ctx, key, opts)
	asked.Limit, asked.Continue = 0, ""
	events, err := objects.Watch(ctx, asked)
	if err != nil {
		return nil, err
	}
	return newPods(events), nil
}

func (s *store) GetCurrentResourceVersion(ctx context.Context) (uint64, error) {
	found, err := s.dynamic.List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(found.GetResourceVersion(), 10, 64)
}

var errNone = errors.New("there is none over REST")

func (s *store) Stats(context.Context) (storage.Stats, error)        { return storage.Stats{}, errNone }
func (s *store) ReadinessCheck() error                               { return nil }
func (s *store) RequestWatchProgress(context.Context) error          { return errNone }
func (s *store) EnableResourceSizeEstimation(storage.KeysFunc) error { return errNone }
func (s *store) CompactRevision() int64                              { return 0 }
func (s *store) UpdatePrefixTransformer(storagetesting.PrefixTransformerModifier) func() {
	return func() {}
}

// spare is an object that no list has, in the namespace behind all others, so that no page ends with it.
const (
	lastNamespace = "zz-elsewhere"
	spare         = "/pods/" + lastNamespace + "/spare"
)

// increase makes a revision.
func (s *store) increase(ctx context.Context, t *testing.T) int64 {
	pod := &example.Pod{}
	update := func(found runtime.Object, _ storage.ResponseMeta) (runtime.Object, *uint64, error) {
		changed := found.DeepCopyObject().(*example.Pod)
		changed.Generation++
		return changed, nil, nil
	}
	if err := s.GuaranteedUpdate(ctx, spare, pod, true, nil, update, nil); err != nil {
		t.Fatal(err)
	}
	number, _ := strconv.ParseInt(pod.ResourceVersion, 10, 64)
	return number
}

// written stands for a compaction: it makes a revision, and the old ones stay.
func (s *store) written(ctx context.Context, t *testing.T, _ string) { s.increase(ctx, t) }
