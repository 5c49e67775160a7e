package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
)

// group creates n objects with a label that nobody else has, and returns the selector.
func (s *subject) several(n int) string {
	s.number++
	label := fmt.Sprintf("g%d", s.number)
	for i := 0; i < n; i++ {
		item := s.made(s.name(), nil)
		item.SetLabels(map[string]string{"group": label, "number": fmt.Sprint(i)})
		must(s.objects().Create(s.ctx, item, metav1.CreateOptions{}))
	}
	return "group=" + label
}

func (s *subject) listed(options metav1.ListOptions) *unstructured.UnstructuredList {
	return must(s.objects().List(s.ctx, options))
}

func (s *subject) raw(accept string, query ...string) []byte {
	request := s.cluster.Discovery().RESTClient().Get().AbsPath("apis", s.group.Group, s.group.Version, "namespaces", s.namespace, s.group.Resource).SetHeader("Accept", accept)
	for i := 0; i+1 < len(query); i += 2 {
		request = request.Param(query[i], query[i+1])
	}
	return must(request.DoRaw(s.ctx))
}

var listChecks = []check{
	{"list: kind, apiVersion and resourceVersion", func(s *subject) {
		list := s.listed(metav1.ListOptions{})
		equal("kind", list.GetKind(), s.kind+"List")
		differ("resourceVersion", list.GetResourceVersion(), "")
	}},
	{"list: labels that are equal", func(s *subject) {
		equal("items", len(s.listed(metav1.ListOptions{LabelSelector: s.several(3)}).Items), 3)
	}},
	{"list: labels of a set", func(s *subject) {
		equal("items", len(s.listed(metav1.ListOptions{LabelSelector: s.several(4) + ",number in (1,2),!none"}).Items), 2)
	}},
	{"list: a name", func(s *subject) {
		item := s.created(nil)
		list := s.listed(metav1.ListOptions{FieldSelector: "metadata.name=" + item.GetName()})
		equal("items", len(list.Items), 1)
	}},
	{"list: an unknown field is BadRequest", func(s *subject) {
		_, err := s.objects().List(s.ctx, metav1.ListOptions{FieldSelector: "spec.none=1"})
		refused(err, 400, metav1.StatusReasonBadRequest, "field label not supported")
	}},
	{"list: a field that can be selected by", func(s *subject) {
		item := s.created(map[string]any{"size": int64(1), "color": "green"})
		for _, one := range s.listed(metav1.ListOptions{FieldSelector: "spec.color=green"}).Items {
			if one.GetName() == item.GetName() {
				return
			}
		}
		fail("it is not listed")
	}},
	{"list: pages are whole", func(s *subject) {
		selector, names, next := s.several(7), map[string]bool{}, ""
		for {
			list := s.listed(metav1.ListOptions{LabelSelector: selector, Limit: 3, Continue: next})
			for _, one := range list.Items {
				names[one.GetName()] = true
			}
			if next = list.GetContinue(); next == "" {
				break
			}
		}
		equal("names", len(names), 7)
	}},
	{"list: pages are of one moment", func(s *subject) {
		s.several(5)
		first := s.listed(metav1.ListOptions{Limit: 1})
		late := s.created(nil)
		rest := s.listed(metav1.ListOptions{Continue: first.GetContinue()})
		equal("resourceVersion", rest.GetResourceVersion(), first.GetResourceVersion())
		for _, one := range rest.Items {
			if one.GetName() == late.GetName() {
				fail("a later page has what was created after the first")
			}
		}
	}},
	{"list: remainingItemCount without selectors", func(s *subject) {
		s.several(3)
		all := len(s.listed(metav1.ListOptions{}).Items)
		list := s.listed(metav1.ListOptions{Limit: 1})
		if list.GetRemainingItemCount() == nil {
			fail("there is none")
		}
		equal("remainingItemCount", *list.GetRemainingItemCount(), int64(all-1))
	}},
	{"list: no remainingItemCount with selectors", func(s *subject) {
		list := s.listed(metav1.ListOptions{Limit: 1, LabelSelector: s.several(3)})
		if list.GetRemainingItemCount() != nil {
			fail("it is %d", *list.GetRemainingItemCount())
		}
	}},
	{"list: a continue that is none is BadRequest", func(s *subject) {
		_, err := s.objects().List(s.ctx, metav1.ListOptions{Continue: "nonsense", Limit: 1})
		refused(err, 400, metav1.StatusReasonBadRequest, "continue key is not valid")
	}},
	{"list: continue with a resourceVersion is refused", func(s *subject) {
		s.several(3)
		first := s.listed(metav1.ListOptions{Limit: 1})
		_, err := s.objects().List(s.ctx, metav1.ListOptions{Continue: first.GetContinue(), ResourceVersion: first.GetResourceVersion()})
		if err == nil {
			fail("it was answered")
		}
	}},
	{"list: resourceVersion 0", func(s *subject) { s.listed(metav1.ListOptions{ResourceVersion: "0"}) }},
	{"list: exactly an earlier resourceVersion", func(s *subject) {
		selector := s.several(2)
		before := s.listed(metav1.ListOptions{LabelSelector: selector})
		s.several(1)
		must(s.objects().Patch(s.ctx, before.Items[0].GetName(), "application/merge-patch+json", []byte(`{"spec":{"size":7}}`), metav1.PatchOptions{}))
		list := s.listed(metav1.ListOptions{LabelSelector: selector, ResourceVersion: before.GetResourceVersion(), ResourceVersionMatch: metav1.ResourceVersionMatchExact})
		equal("size", field(&list.Items[0], "spec", "size"), int64(1))
		equal("resourceVersion", list.GetResourceVersion(), before.GetResourceVersion())
	}},
	{"list: not older than what was written", func(s *subject) {
		item := s.created(nil)
		list := s.listed(metav1.ListOptions{ResourceVersion: item.GetResourceVersion(), ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan})
		for _, one := range list.Items {
			if one.GetName() == item.GetName() {
				return
			}
		}
		fail("it is not listed")
	}},
	{"list: resourceVersionMatch without resourceVersion is refused", func(s *subject) {
		_, err := s.objects().List(s.ctx, metav1.ListOptions{ResourceVersionMatch: metav1.ResourceVersionMatchExact})
		if err == nil || !strings.Contains(err.Error(), "resourceVersionMatch") {
			fail("the answer is %v", err)
		}
	}},
	{"list: a resourceVersion of the future is a Timeout", func(s *subject) {
		_, err := s.objects().List(s.ctx, metav1.ListOptions{ResourceVersion: "999999999999", ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan})
		if !apierrors.IsTimeout(err) || !strings.Contains(err.Error(), "Too large resource version") {
			fail("the answer is %v", err)
		}
	}},
	{"list: what is no resourceVersion is refused", func(s *subject) {
		_, err := s.objects().List(s.ctx, metav1.ListOptions{ResourceVersion: "nonsense"})
		if err == nil {
			fail("it was answered")
		}
	}},
	{"list: all namespaces", func(s *subject) {
		item := s.created(nil)
		for _, one := range must(s.dynamic.Resource(s.group).List(s.ctx, metav1.ListOptions{})).Items {
			if one.GetUID() == item.GetUID() {
				return
			}
		}
		fail("it is not listed")
	}},
	{"get: resourceVersion 0", func(s *subject) {
		item := s.created(nil)
		must(s.objects().Get(s.ctx, item.GetName(), metav1.GetOptions{ResourceVersion: "0"}))
	}},
}

type watcher struct {
	watch.Interface
}

// next returns the next event; bookmarks are passed over unless they are wanted.
func (w watcher) next(bookmarks bool) watch.Event {
	for {
		select {
		case event, open := <-w.ResultChan():
			if !open {
				fail("the watch ended")
			}
			if event.Type != watch.Bookmark || bookmarks {
				return event
			}
		case <-time.After(60 * time.Second):
			fail("there is no event")
		}
	}
}

func (w watcher) expect(what watch.EventType, name string) *unstructured.Unstructured {
	event := w.next(false)
	item, is := event.Object.(*unstructured.Unstructured)
	if !is || event.Type != what || item.GetName() != name {
		text, _ := json.Marshal(event)
		fail("the event is %s, not %s of %s", text, what, name)
	}
	return item
}

func (s *subject) watched(options metav1.ListOptions) watcher {
	return watcher{must(s.objects().Watch(s.ctx, options))}
}

var watchChecks = []check{
	{"watch: added, modified, deleted in order, with their resourceVersions", func(s *subject) {
		w := s.watched(metav1.ListOptions{ResourceVersion: s.listed(metav1.ListOptions{}).GetResourceVersion()})
		defer w.Stop()
		item := s.created(nil)
		equal("resourceVersion", w.expect(watch.Added, item.GetName()).GetResourceVersion(), item.GetResourceVersion())
		item = s.updated(set(item, int64(2), "spec", "size"))
		equal("resourceVersion", w.expect(watch.Modified, item.GetName()).GetResourceVersion(), item.GetResourceVersion())
		if err := s.objects().Delete(s.ctx, item.GetName(), metav1.DeleteOptions{}); err != nil {
			fail("%v", err)
		}
		gone := w.expect(watch.Deleted, item.GetName())
		differ("resourceVersion", gone.GetResourceVersion(), item.GetResourceVersion())
		equal("size", field(gone, "spec", "size"), int64(2))
	}},
	{"watch: resumed, nothing is missing and nothing is there twice", func(s *subject) {
		first := s.created(nil)
		names := []string{}
		for i := 0; i < 20; i++ {
			names = append(names, s.created(nil).GetName())
		}
		w := s.watched(metav1.ListOptions{ResourceVersion: first.GetResourceVersion()})
		defer w.Stop()
		for _, name := range names {
			w.expect(watch.Added, name)
		}
	}},
	{"watch: without resourceVersion it begins with what is there", func(s *subject) {
		selector := s.several(2)
		w := s.watched(metav1.ListOptions{LabelSelector: selector})
		defer w.Stop()
		equal("first", w.next(false).Type, watch.Added)
		equal("second", w.next(false).Type, watch.Added)
	}},
	{"watch: resourceVersion 0 begins with what is there", func(s *subject) {
		selector := s.several(1)
		w := s.watched(metav1.ListOptions{LabelSelector: selector, ResourceVersion: "0"})
		defer w.Stop()
		equal("first", w.next(false).Type, watch.Added)
	}},
	{"watch: what leaves the selection is deleted, what enters is added", func(s *subject) {
		selector := s.several(1)
		list := s.listed(metav1.ListOptions{LabelSelector: selector})
		item := &list.Items[0]
		w := s.watched(metav1.ListOptions{LabelSelector: selector, ResourceVersion: list.GetResourceVersion()})
		defer w.Stop()
		labels := item.GetLabels()
		item.SetLabels(nil)
		item = s.updated(item)
		w.expect(watch.Deleted, item.GetName())
		item.SetLabels(labels)
		s.updated(item)
		w.expect(watch.Added, item.GetName())
	}},
	{"watch: one name", func(s *subject) {
		item := s.created(nil)
		w := s.watched(metav1.ListOptions{FieldSelector: "metadata.name=" + item.GetName(), ResourceVersion: item.GetResourceVersion()})
		defer w.Stop()
		s.created(nil)
		s.updated(set(item, int64(3), "spec", "size"))
		w.expect(watch.Modified, item.GetName())
	}},
	{"watch: nothing written is no event", func(s *subject) {
		item := s.created(nil)
		w := s.watched(metav1.ListOptions{ResourceVersion: item.GetResourceVersion()})
		defer w.Stop()
		s.updated(item.DeepCopy())
		other := s.created(nil)
		w.expect(watch.Added, other.GetName())
	}},
	{"watch: a resourceVersion of long ago is Expired", func(s *subject) {
		// 1 is before everything on both: etcd's compaction is the other's business, so any of two answers is right.
		w, err := s.objects().Watch(s.ctx, metav1.ListOptions{ResourceVersion: "1"})
		if err != nil {
			if !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
				fail("the answer is %v", err)
			}
			return
		}
		w.Stop()
	}},
	{"watch: initial events end with a bookmark that says so", func(s *subject) {
		selector, yes := s.several(3), true
		w := s.watched(metav1.ListOptions{LabelSelector: selector, SendInitialEvents: &yes, AllowWatchBookmarks: true, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan})
		defer w.Stop()
		for i := 0; i < 3; i++ {
			equal("event", w.next(true).Type, watch.Added)
		}
		event := w.next(true)
		equal("event", event.Type, watch.Bookmark)
		item := event.Object.(*unstructured.Unstructured)
		equal("mark", item.GetAnnotations()[metav1.InitialEventsAnnotationKey], "true")
		differ("resourceVersion", item.GetResourceVersion(), "")
		equal("kind", item.GetKind(), s.kind)
	}},
	{"watch: sendInitialEvents without resourceVersionMatch is refused", func(s *subject) {
		yes := true
		_, err := s.objects().Watch(s.ctx, metav1.ListOptions{SendInitialEvents: &yes})
		refused(err, 422, metav1.StatusReasonInvalid, "resourceVersionMatch")
	}},
	{"watch: timeoutSeconds ends it", func(s *subject) {
		seconds := int64(2)
		w := s.watched(metav1.ListOptions{TimeoutSeconds: &seconds, ResourceVersion: s.listed(metav1.ListOptions{}).GetResourceVersion()})
		select {
		case _, open := <-w.ResultChan():
			if open {
				fail("there is an event")
			}
		case <-time.After(30 * time.Second):
			fail("it goes on")
		}
	}},
	{"watch: all namespaces", func(s *subject) {
		item := s.created(nil)
		w := watcher{must(s.dynamic.Resource(s.group).Watch(s.ctx, metav1.ListOptions{ResourceVersion: item.GetResourceVersion()}))}
		defer w.Stop()
		other := s.created(nil)
		w.expect(watch.Added, other.GetName())
	}},
	{"watch: metadata only", func(s *subject) {
		item := s.created(nil)
		w := watcher{must(s.metadata.Resource(s.group).Namespace(s.namespace).Watch(s.ctx, metav1.ListOptions{ResourceVersion: item.GetResourceVersion()}))}
		defer w.Stop()
		other := s.created(nil)
		found, is := w.next(false).Object.(*metav1.PartialObjectMetadata)
		if !is || found.Name != other.GetName() {
			fail("the event is %v", found)
		}
	}},
	{"watch: fifty writes are fifty events", func(s *subject) {
		item := s.created(nil)
		w := s.watched(metav1.ListOptions{ResourceVersion: item.GetResourceVersion()})
		defer w.Stop()
		for i := 0; i < 50; i++ {
			item = s.updated(set(item, int64(i%2+1), "spec", "size"))
			if i == 0 {
				item = s.updated(set(item, int64(5), "spec", "size"))
			}
		}
		last := ""
		for count := 0; last != item.GetResourceVersion(); count++ {
			last = w.next(false).Object.(*unstructured.Unstructured).GetResourceVersion()
			if count > 60 {
				fail("there are more events than writes")
			}
		}
	}},
}

func informed(s *subject, informer cache.SharedIndexInformer) {
	seen := make(chan string, 100)
	must(informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(item any) { seen <- "add " + item.(metav1.Object).GetName() },
		UpdateFunc: func(_, item any) { seen <- "update " + item.(metav1.Object).GetName() },
		DeleteFunc: func(item any) {
			if one, is := item.(metav1.Object); is {
				seen <- "delete " + one.GetName()
			}
		},
	}))
	stop, cancel := context.WithTimeout(s.ctx, 60*time.Second)
	defer cancel()
	go informer.Run(stop.Done())
	if !cache.WaitForCacheSync(stop.Done(), informer.HasSynced) {
		fail("it never synchronised")
	}
	item := s.created(nil)
	await := func(what string) {
		for {
			select {
			case found := <-seen:
				if found == what {
					return
				}
			case <-stop.Done():
				fail("it did not see %q", what)
			}
		}
	}
	await("add " + item.GetName())
	s.updated(set(item, int64(2), "spec", "size"))
	await("update " + item.GetName())
	if err := s.objects().Delete(s.ctx, item.GetName(), metav1.DeleteOptions{}); err != nil {
		fail("%v", err)
	}
	await("delete " + item.GetName())
}

var informerChecks = []check{
	{"informer: dynamic", func(s *subject) {
		informed(s, dynamicinformer.NewFilteredDynamicInformer(s.dynamic, s.group, s.namespace, 0, cache.Indexers{}, nil).Informer())
	}},
	{"informer: metadata", func(s *subject) {
		informed(s, metadatainformer.NewFilteredMetadataInformer(s.metadata, s.group, s.namespace, 0, cache.Indexers{}, nil).Informer())
	}},
	{"informer: all namespaces", func(s *subject) {
		informed(s, dynamicinformer.NewFilteredDynamicInformer(s.dynamic, s.group, "", 0, cache.Indexers{}, nil).Informer())
	}},
	{"informer: labels", func(s *subject) {
		selector := s.several(2)
		informer := dynamicinformer.NewFilteredDynamicInformer(s.dynamic, s.group, s.namespace, 0, cache.Indexers{}, func(o *metav1.ListOptions) { o.LabelSelector = selector }).Informer()
		stop, cancel := context.WithTimeout(s.ctx, 60*time.Second)
		defer cancel()
		go informer.Run(stop.Done())
		if !cache.WaitForCacheSync(stop.Done(), informer.HasSynced) {
			fail("it never synchronised")
		}
		equal("items", len(informer.GetStore().List()), 2)
	}},
}

var _ runtime.Object = &metav1.Table{}

func table(s *subject, query ...string) metav1.Table {
	var found metav1.Table
	if err := json.Unmarshal(s.raw("application/json;as=Table;g=meta.k8s.io;v=v1,application/json", query...), &found); err != nil {
		fail("%v", err)
	}
	return found
}

var formChecks = []check{
	{"Table: columns and rows", func(s *subject) {
		found := table(s, "labelSelector", s.several(2))
		equal("kind", found.Kind, "Table")
		equal("rows", len(found.Rows), 2)
		equal("columns", []string{found.ColumnDefinitions[0].Name, found.ColumnDefinitions[1].Name}, []string{"Name", "Size"})
		equal("cells", len(found.Rows[0].Cells), len(found.ColumnDefinitions))
	}},
	{"Table: rows carry metadata", func(s *subject) {
		var item metav1.PartialObjectMetadata
		found := table(s, "labelSelector", s.several(1))
		if err := json.Unmarshal(found.Rows[0].Object.Raw, &item); err != nil || item.Kind != "PartialObjectMetadata" || item.Name == "" {
			fail("it is %s", found.Rows[0].Object.Raw)
		}
	}},
	{"Table: includeObject None", func(s *subject) {
		found := table(s, "labelSelector", s.several(1), "includeObject", "None")
		if len(found.Rows[0].Object.Raw) > 0 && string(found.Rows[0].Object.Raw) != "null" {
			fail("it is %s", found.Rows[0].Object.Raw)
		}
	}},
	{"Table: includeObject Object", func(s *subject) {
		found := table(s, "labelSelector", s.several(1), "includeObject", "Object")
		if !strings.Contains(string(found.Rows[0].Object.Raw), `"spec"`) {
			fail("it is %s", found.Rows[0].Object.Raw)
		}
	}},
	{"Table: pages", func(s *subject) {
		found := table(s, "labelSelector", s.several(3), "limit", "2")
		equal("rows", len(found.Rows), 2)
		differ("continue", found.Continue, "")
	}},
	{"metadata: list", func(s *subject) {
		list := must(s.metadata.Resource(s.group).Namespace(s.namespace).List(s.ctx, metav1.ListOptions{LabelSelector: s.several(2)}))
		equal("items", len(list.Items), 2)
		differ("uid", string(list.Items[0].UID), "")
	}},
	{"metadata: get", func(s *subject) {
		item := s.created(nil)
		equal("uid", must(s.metadata.Resource(s.group).Namespace(s.namespace).Get(s.ctx, item.GetName(), metav1.GetOptions{})).UID, item.GetUID())
	}},
}
