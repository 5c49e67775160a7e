package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
)

func (s *subject) updated(item *unstructured.Unstructured) *unstructured.Unstructured {
	return must(s.objects().Update(s.ctx, item, metav1.UpdateOptions{}))
}

func (s *subject) patched(name string, how types.PatchType, text string, below ...string) (*unstructured.Unstructured, error) {
	return s.objects().Patch(s.ctx, name, how, []byte(text), metav1.PatchOptions{}, below...)
}

var updateChecks = []check{
	{"update: a change of spec has a new resourceVersion and one more generation", func(s *subject) {
		old := s.created(nil)
		found := s.updated(set(old.DeepCopy(), int64(2), "spec", "size"))
		differ("resourceVersion", found.GetResourceVersion(), old.GetResourceVersion())
		equal("generation", found.GetGeneration(), int64(2))
	}},
	{"update: a change of labels leaves the generation", func(s *subject) {
		item := s.created(nil)
		item.SetLabels(map[string]string{"a": "b"})
		equal("generation", s.updated(item).GetGeneration(), int64(1))
	}},
	{"update: nothing changed writes nothing", func(s *subject) {
		old := s.created(nil)
		equal("resourceVersion", s.updated(old.DeepCopy()).GetResourceVersion(), old.GetResourceVersion())
	}},
	{"update: without resourceVersion it is Invalid", func(s *subject) {
		item := s.created(nil)
		item.SetResourceVersion("")
		_, err := s.objects().Update(s.ctx, item, metav1.UpdateOptions{})
		cause(refused(err, 422, metav1.StatusReasonInvalid, "must be specified for an update"), "metadata.resourceVersion")
	}},
	{"update: a stale resourceVersion is a Conflict", func(s *subject) {
		old := s.created(nil)
		s.updated(set(old.DeepCopy(), int64(2), "spec", "size"))
		_, err := s.objects().Update(s.ctx, set(old, int64(3), "spec", "size"), metav1.UpdateOptions{})
		refused(err, 409, metav1.StatusReasonConflict, "the object has been modified; please apply your changes to the latest version and try again")
	}},
	{"update: another uid is a Conflict", func(s *subject) {
		item := s.created(nil)
		item.SetUID("other")
		_, err := s.objects().Update(s.ctx, item, metav1.UpdateOptions{})
		refused(err, 409, metav1.StatusReasonConflict, "UID")
	}},
	{"update: what is not there is NotFound", func(s *subject) {
		item := s.made("nobody", nil)
		item.SetResourceVersion("1")
		_, err := s.objects().Update(s.ctx, item, metav1.UpdateOptions{})
		refused(err, 404, metav1.StatusReasonNotFound)
	}},
	{"update: another name than the path's is BadRequest", func(s *subject) {
		item := s.created(nil)
		body := s.made("other", nil)
		body.SetResourceVersion(item.GetResourceVersion())
		text := must(json.Marshal(body))
		err := s.cluster.Discovery().RESTClient().Put().AbsPath("apis", s.group.Group, s.group.Version, "namespaces", s.namespace, s.group.Resource, item.GetName()).Body(text).Do(s.ctx).Error()
		refused(err, 400, metav1.StatusReasonBadRequest, "does not match the name on the URL")
	}},
	{"update: creationTimestamp stays", func(s *subject) {
		item := s.created(nil)
		was := item.GetCreationTimestamp()
		item.SetCreationTimestamp(metav1.Unix(1, 0))
		found := s.updated(set(item, int64(2), "spec", "size")).GetCreationTimestamp()
		equal("creationTimestamp", found.Unix(), was.Unix())
	}},
	{"update: status is ignored", func(s *subject) {
		item := set(s.created(nil), "Ready", "status", "phase")
		equal("status", field(s.updated(item), "status"), nil)
	}},
	{"status: update changes it, and leaves spec and generation", func(s *subject) {
		item := s.created(nil)
		set(set(item, "Ready", "status", "phase"), int64(5), "spec", "size")
		found := must(s.objects().UpdateStatus(s.ctx, item, metav1.UpdateOptions{}))
		equal("phase", field(found, "status", "phase"), "Ready")
		equal("size", field(found, "spec", "size"), int64(1))
		equal("generation", found.GetGeneration(), int64(1))
	}},
	{"status: update ignores labels", func(s *subject) {
		item := set(s.created(nil), "Ready", "status", "phase")
		item.SetLabels(map[string]string{"a": "b"})
		equal("labels", len(must(s.objects().UpdateStatus(s.ctx, item, metav1.UpdateOptions{})).GetLabels()), 0)
	}},
	{"status: a wrong value is Invalid", func(s *subject) {
		_, err := s.objects().UpdateStatus(s.ctx, set(s.created(nil), "Strange", "status", "phase"), metav1.UpdateOptions{})
		cause(refused(err, 422, metav1.StatusReasonInvalid), "status.phase")
	}},
	{"status: get answers the whole object", func(s *subject) {
		item := s.created(nil)
		equal("spec", field(must(s.objects().Get(s.ctx, item.GetName(), metav1.GetOptions{}, "status")), "spec", "size"), int64(1))
	}},
	{"status: merge patch", func(s *subject) {
		found := must(s.patched(s.created(nil).GetName(), types.MergePatchType, `{"status":{"phase":"Ready"},"spec":{"size":5}}`, "status"))
		equal("phase", field(found, "status", "phase"), "Ready")
		equal("size", field(found, "spec", "size"), int64(1))
	}},
	{"update: dryRun stores nothing", func(s *subject) {
		item := s.created(nil)
		found := must(s.objects().Update(s.ctx, set(item.DeepCopy(), int64(2), "spec", "size"), metav1.UpdateOptions{DryRun: []string{"All"}}))
		equal("answer", field(found, "spec", "size"), int64(2))
		equal("stored", field(s.got(item.GetName()), "spec", "size"), int64(1))
	}},
	{"update: eight writers lose nothing", func(s *subject) {
		item := s.created(nil)
		var group sync.WaitGroup
		problems := make(chan error, 8)
		for n := 0; n < 8; n++ {
			group.Add(1)
			go func() {
				defer group.Done()
				for step := 0; step < 5; step++ {
					err := retry.OnError(retry.DefaultBackoff, func(error) bool { return true }, func() error {
						old, err := s.objects().Get(s.ctx, item.GetName(), metav1.GetOptions{})
						if err != nil {
							return err
						}
						old.SetAnnotations(mergedAnnotations(old, fmt.Sprintf("w%d-%d", n, step)))
						_, err = s.objects().Update(s.ctx, old, metav1.UpdateOptions{})
						return err
					})
					if err != nil {
						// Written is what was acknowledged: another try is honest.
						step--
					}
				}
			}()
		}
		group.Wait()
		close(problems)
		equal("annotations", len(s.got(item.GetName()).GetAnnotations()), 40)
	}},
}

func mergedAnnotations(item *unstructured.Unstructured, more string) map[string]string {
	made := map[string]string{more: "x"}
	for name, value := range item.GetAnnotations() {
		made[name] = value
	}
	return made
}

var patchChecks = []check{
	{"patch: merge", func(s *subject) {
		found := must(s.patched(s.created(nil).GetName(), types.MergePatchType, `{"spec":{"size":4,"color":null},"metadata":{"labels":{"a":"b"}}}`))
		equal("size", field(found, "spec", "size"), int64(4))
		equal("color", field(found, "spec", "color"), "red")
		equal("labels", found.GetLabels(), map[string]string{"a": "b"})
	}},
	{"patch: JSON", func(s *subject) {
		found := must(s.patched(s.created(nil).GetName(), types.JSONPatchType, `[{"op":"test","path":"/spec/size","value":1},{"op":"replace","path":"/spec/size","value":4}]`))
		equal("size", field(found, "spec", "size"), int64(4))
	}},
	{"patch: a failing test of JSON is Invalid", func(s *subject) {
		_, err := s.patched(s.created(nil).GetName(), types.JSONPatchType, `[{"op":"test","path":"/spec/size","value":2}]`)
		refused(err, 422, metav1.StatusReasonInvalid)
	}},
	{"patch: a missing path of JSON is Invalid", func(s *subject) {
		_, err := s.patched(s.created(nil).GetName(), types.JSONPatchType, `[{"op":"remove","path":"/spec/none"}]`)
		refused(err, 422, metav1.StatusReasonInvalid)
	}},
	{"patch: what is no JSON patch is BadRequest", func(s *subject) {
		_, err := s.patched(s.created(nil).GetName(), types.JSONPatchType, `{"a":1}`)
		refused(err, 400, metav1.StatusReasonBadRequest)
	}},
	{"patch: strategic merge is UnsupportedMediaType", func(s *subject) {
		_, err := s.patched(s.created(nil).GetName(), types.StrategicMergePatchType, `{"spec":{"size":4}}`)
		refused(err, 415, metav1.StatusReasonUnsupportedMediaType)
	}},
	{"patch: what is not there is NotFound", func(s *subject) {
		_, err := s.patched("nobody", types.MergePatchType, `{}`)
		refused(err, 404, metav1.StatusReasonNotFound)
	}},
	{"patch: what makes it invalid is Invalid", func(s *subject) {
		_, err := s.patched(s.created(nil).GetName(), types.MergePatchType, `{"spec":{"size":11}}`)
		cause(refused(err, 422, metav1.StatusReasonInvalid), "spec.size")
	}},
	{"patch: nothing changed writes nothing", func(s *subject) {
		old := s.created(nil)
		equal("resourceVersion", must(s.patched(old.GetName(), types.MergePatchType, `{"spec":{"size":1}}`)).GetResourceVersion(), old.GetResourceVersion())
	}},
	{"patch: a stale resourceVersion is a Conflict", func(s *subject) {
		old := s.created(nil)
		must(s.patched(old.GetName(), types.MergePatchType, `{"spec":{"size":2}}`))
		_, err := s.patched(old.GetName(), types.MergePatchType, fmt.Sprintf(`{"metadata":{"resourceVersion":%q},"spec":{"size":3}}`, old.GetResourceVersion()))
		refused(err, 409, metav1.StatusReasonConflict)
	}},
	{"patch: another uid is Invalid", func(s *subject) {
		_, err := s.patched(s.created(nil).GetName(), types.MergePatchType, `{"metadata":{"uid":"other"}}`)
		refused(err, 422, metav1.StatusReasonInvalid, "field is immutable")
	}},
	{"patch: the name cannot be changed", func(s *subject) {
		_, err := s.patched(s.created(nil).GetName(), types.MergePatchType, `{"metadata":{"name":"other"}}`)
		if err == nil {
			fail("it was changed")
		}
	}},
	{"patch: dryRun stores nothing", func(s *subject) {
		item := s.created(nil)
		must(s.objects().Patch(s.ctx, item.GetName(), types.MergePatchType, []byte(`{"spec":{"size":2}}`), metav1.PatchOptions{DryRun: []string{"All"}}))
		equal("size", field(s.got(item.GetName()), "spec", "size"), int64(1))
	}},
	{"patch: twenty at once are all taken", func(s *subject) {
		item := s.created(nil)
		var group sync.WaitGroup
		failed := make(chan error, 20)
		for n := 0; n < 20; n++ {
			group.Add(1)
			go func() {
				defer group.Done()
				for {
					_, err := s.patched(item.GetName(), types.MergePatchType, fmt.Sprintf(`{"metadata":{"annotations":{"a%d":"x"}}}`, n))
					if err == nil {
						return
					}
					// After five tries the server gives up, as upstream does.
					if !strings.Contains(err.Error(), "the object has been modified") {
						failed <- err
						return
					}
				}
			}()
		}
		group.Wait()
		close(failed)
		for err := range failed {
			fail("%v", err)
		}
		equal("annotations", len(s.got(item.GetName()).GetAnnotations()), 20)
	}},
	{"patch: force is only for apply", func(s *subject) {
		yes := true
		_, err := s.objects().Patch(s.ctx, s.created(nil).GetName(), types.MergePatchType, []byte(`{}`), metav1.PatchOptions{Force: &yes})
		refused(err, 422, metav1.StatusReasonInvalid, "force")
	}},
}
