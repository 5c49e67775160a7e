package main

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// applied applies a spec in JSON by a manager.
func (s *subject) applied(name, manager, spec string, force bool, below ...string) (*unstructured.Unstructured, error) {
	text := fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":%q},%s}`, s.group.GroupVersion().String(), s.kind, name, spec)
	return s.objects().Patch(s.ctx, name, types.ApplyPatchType, []byte(text), metav1.PatchOptions{FieldManager: manager, Force: &force}, below...)
}

func managers(item *unstructured.Unstructured) map[string]string {
	found := map[string]string{}
	for _, one := range item.GetManagedFields() {
		name := one.Manager + " " + string(one.Operation)
		if one.Subresource != "" {
			name += " " + one.Subresource
		}
		found[name] = string(one.FieldsV1.Raw)
	}
	return found
}

var applyChecks = []check{
	{"apply: creates", func(s *subject) {
		found := must(s.applied(s.name(), "one", `"spec":{"size":3}`, false))
		equal("size", field(found, "spec", "size"), int64(3))
		equal("managers", managers(found), map[string]string{"one Apply": `{"f:spec":{"f:size":{}}}`})
	}},
	{"apply: again writes nothing", func(s *subject) {
		name := s.name()
		old := must(s.applied(name, "one", `"spec":{"size":3}`, false))
		equal("resourceVersion", must(s.applied(name, "one", `"spec":{"size":3}`, false)).GetResourceVersion(), old.GetResourceVersion())
	}},
	{"apply: without a manager is BadRequest or Invalid", func(s *subject) {
		_, err := s.applied(s.name(), "", `"spec":{"size":3}`, false)
		if err == nil {
			fail("it was taken")
		}
	}},
	{"apply: what another owns is a Conflict that names both", func(s *subject) {
		name := s.name()
		must(s.applied(name, "one", `"spec":{"size":3}`, false))
		_, err := s.applied(name, "two", `"spec":{"size":4}`, false)
		one := cause(refused(err, 409, metav1.StatusReasonConflict, `"one"`), ".spec.size")
		equal("cause", string(one.Type), "FieldManagerConflict")
	}},
	{"apply: force takes over", func(s *subject) {
		name := s.name()
		must(s.applied(name, "one", `"spec":{"size":3}`, false))
		found := must(s.applied(name, "two", `"spec":{"size":4}`, true))
		equal("managers", managers(found), map[string]string{"two Apply": `{"f:spec":{"f:size":{}}}`})
	}},
	{"apply: the same value is owned by both", func(s *subject) {
		name := s.name()
		must(s.applied(name, "one", `"spec":{"size":3}`, false))
		equal("managers", len(managers(must(s.applied(name, "two", `"spec":{"size":3}`, false)))), 2)
	}},
	{"apply: what its only owner drops goes", func(s *subject) {
		name := s.name()
		must(s.applied(name, "one", `"spec":{"size":3,"note":"x"}`, false))
		equal("note", field(must(s.applied(name, "one", `"spec":{"size":3}`, false)), "spec", "note"), nil)
	}},
	{"apply: what two own stays when one drops it", func(s *subject) {
		name := s.name()
		must(s.applied(name, "one", `"spec":{"size":3,"note":"x"}`, false))
		must(s.applied(name, "two", `"spec":{"note":"x"}`, false))
		equal("note", field(must(s.applied(name, "one", `"spec":{"size":3}`, false)), "spec", "note"), "x")
	}},
	{"apply: maps by key are merged", func(s *subject) {
		name := s.name()
		must(s.applied(name, "one", `"spec":{"size":3,"ports":[{"port":1,"name":"a"}]}`, false))
		found := must(s.applied(name, "two", `"spec":{"ports":[{"port":2,"name":"b"}]}`, false))
		equal("ports", len(field(found, "spec", "ports").([]any)), 2)
	}},
	{"apply: sets are merged", func(s *subject) {
		name := s.name()
		must(s.applied(name, "one", `"spec":{"size":3,"tags":["a","b"]}`, false))
		found := must(s.applied(name, "two", `"spec":{"tags":["b","c"]}`, false))
		equal("tags", field(found, "spec", "tags"), []any{"a", "b", "c"})
	}},
	{"apply: a list without keys is one value", func(s *subject) {
		name := s.name()
		must(s.applied(name, "one", `"spec":{"size":3,"words":["a"]}`, false))
		_, err := s.applied(name, "two", `"spec":{"words":["b"]}`, false)
		cause(refused(err, 409, metav1.StatusReasonConflict), ".spec.words")
	}},
	{"managedFields: an update is of the User-Agent", func(s *subject) {
		equal("managers", managers(s.created(nil)), map[string]string{"resources Update": `{"f:spec":{".":{},"f:color":{},"f:mode":{".":{},"f:level":{}},"f:size":{}}}`})
	}},
	{"managedFields: a status has an entry of its own", func(s *subject) {
		found := must(s.objects().UpdateStatus(s.ctx, set(s.created(nil), "Ready", "status", "phase"), metav1.UpdateOptions{}))
		equal("status", managers(found)["resources Update status"], `{"f:status":{".":{},"f:phase":{}}}`)
	}},
	{"managedFields: an update takes a field over from an apply", func(s *subject) {
		name := s.name()
		item := must(s.applied(name, "one", `"spec":{"size":3}`, false))
		found := managers(s.updated(set(item, int64(4), "spec", "size")))
		equal("managers", found, map[string]string{"resources Update": `{"f:spec":{"f:size":{}}}`})
	}},
	{"managedFields: one empty entry clears them", func(s *subject) {
		item := s.created(nil)
		item.Object["metadata"].(map[string]any)["managedFields"] = []any{map[string]any{}}
		equal("managers", len(s.updated(item).GetManagedFields()), 0)
	}},
	{"managedFields: the manager that is named counts", func(s *subject) {
		item := must(s.objects().Create(s.ctx, s.made(s.name(), nil), metav1.CreateOptions{FieldManager: "named"}))
		equal("manager", item.GetManagedFields()[0].Manager, "named")
	}},
	{"apply: with managedFields is BadRequest", func(s *subject) {
		item := s.created(nil)
		text := must(json.Marshal(item))
		_, err := s.objects().Patch(s.ctx, item.GetName(), types.ApplyPatchType, text, metav1.PatchOptions{FieldManager: "one"})
		refused(err, 400, metav1.StatusReasonBadRequest, "managedFields")
	}},
	{"apply: on status", func(s *subject) {
		item := s.created(nil)
		found := must(s.applied(item.GetName(), "one", `"status":{"phase":"Ready"}`, false, "status"))
		equal("phase", field(found, "status", "phase"), "Ready")
		equal("manager", managers(found)["one Apply status"], `{"f:status":{"f:phase":{}}}`)
	}},
	{"apply: dryRun stores nothing, then apply (Flux)", func(s *subject) {
		name, yes := s.name(), true
		text := fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":%q},"spec":{"size":3}}`, s.group.GroupVersion().String(), s.kind, name)
		options := metav1.PatchOptions{FieldManager: "kustomize-controller", Force: &yes, DryRun: []string{"All"}}
		tried := must(s.objects().Patch(s.ctx, name, types.ApplyPatchType, []byte(text), options))
		_, err := s.objects().Get(s.ctx, name, metav1.GetOptions{})
		refused(err, 404, metav1.StatusReasonNotFound)
		options.DryRun = nil
		found := must(s.objects().Patch(s.ctx, name, types.ApplyPatchType, []byte(text), options))
		equal("spec", found.Object["spec"], tried.Object["spec"])
	}},
	{"apply: unknown fields are refused by Strict", func(s *subject) {
		text := fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":"x"},"spec":{"size":3,"unknown":1}}`, s.group.GroupVersion().String(), s.kind)
		_, err := s.objects().Patch(s.ctx, s.name(), types.ApplyPatchType, []byte(text), metav1.PatchOptions{FieldManager: "one", FieldValidation: "Strict"})
		if err == nil {
			fail("it was taken")
		}
	}},
	{"apply: another name than the path's is BadRequest", func(s *subject) {
		text := fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":"x"},"spec":{"size":3}}`, s.group.GroupVersion().String(), s.kind)
		_, err := s.objects().Patch(s.ctx, s.name(), types.ApplyPatchType, []byte(text), metav1.PatchOptions{FieldManager: "one"})
		refused(err, 400, metav1.StatusReasonBadRequest)
	}},
}
