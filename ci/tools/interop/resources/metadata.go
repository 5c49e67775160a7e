package main

import (
	"regexp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
)

var discoveryChecks = []check{
	{"discovery: the resource has all verbs", func(s *subject) {
		for _, one := range must(s.discovery.ServerResourcesForGroupVersion(s.group.GroupVersion().String())).APIResources {
			if one.Name == s.group.Resource {
				equal("verbs", sets.New(one.Verbs...), sets.New("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"))
				equal("namespaced", one.Namespaced, true)
				return
			}
		}
		fail("it is not listed")
	}},
	{"discovery: status and scale have get, patch and update", func(s *subject) {
		found := map[string]metav1.APIResource{}
		for _, one := range must(s.discovery.ServerResourcesForGroupVersion(s.group.GroupVersion().String())).APIResources {
			found[one.Name] = one
		}
		for _, name := range []string{"status", "scale"} {
			one := found[s.group.Resource+"/"+name]
			equal(name, sets.New(one.Verbs...), sets.New("get", "patch", "update"))
		}
		scale := found[s.group.Resource+"/scale"]
		equal("scale", scale.Group+"/"+scale.Version+" "+scale.Kind, "autoscaling/v1 Scale")
	}},
	{"discovery: aggregated discovery lists it", func(s *subject) {
		_, lists, err := s.discovery.ServerGroupsAndResources()
		if err != nil {
			fail("%v", err)
		}
		for _, list := range lists {
			if list.GroupVersion == s.group.GroupVersion().String() {
				return
			}
		}
		fail("its group is not listed")
	}},
}

var metadataChecks = []check{
	{"create: the server gives uid, creationTimestamp, resourceVersion, generation 1 and managedFields", func(s *subject) {
		item := s.created(nil)
		if item.GetUID() == "" || field(item, "metadata", "creationTimestamp") == nil || item.GetResourceVersion() == "" || len(item.GetManagedFields()) == 0 {
			fail("metadata is %v", item.Object["metadata"])
		}
		equal("generation", item.GetGeneration(), int64(1))
		equal("selfLink", item.GetSelfLink(), "")
	}},
	{"create: a client's values for what the server owns are ignored", func(s *subject) {
		item := s.made(s.name(), nil)
		item.SetUID("mine")
		item.SetGeneration(7)
		item.SetSelfLink("/mine")
		now := metav1.Now()
		item.SetDeletionTimestamp(&now)
		found := must(s.objects().Create(s.ctx, item, metav1.CreateOptions{}))
		differ("uid", string(found.GetUID()), "mine")
		equal("generation", found.GetGeneration(), int64(1))
		equal("selfLink", found.GetSelfLink(), "")
		if found.GetDeletionTimestamp() != nil {
			fail("it has a deletionTimestamp")
		}
	}},
	{"create: a resourceVersion is refused", func(s *subject) {
		item := s.made(s.name(), nil)
		item.SetResourceVersion("1")
		_, err := s.objects().Create(s.ctx, item, metav1.CreateOptions{})
		if err == nil || !strings.Contains(err.Error(), "resourceVersion") {
			fail("the answer is %v", err)
		}
	}},
	{"create: twice is AlreadyExists", func(s *subject) {
		item := s.created(nil)
		_, err := s.objects().Create(s.ctx, s.made(item.GetName(), nil), metav1.CreateOptions{})
		refused(err, 409, metav1.StatusReasonAlreadyExists, item.GetName())
	}},
	{"create: generateName has five characters added", func(s *subject) {
		item := s.made("", nil)
		item.SetName("")
		item.SetGenerateName("gen-")
		found := must(s.objects().Create(s.ctx, item, metav1.CreateOptions{}))
		if !regexp.MustCompile(`^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$`).MatchString(found.GetName()) {
			fail("the name is %s", found.GetName())
		}
		equal("generateName", found.GetGenerateName(), "gen-")
	}},
	{"create: no name is Invalid", func(s *subject) {
		item := s.made("", nil)
		unstructured.RemoveNestedField(item.Object, "metadata", "name")
		_, err := s.objects().Create(s.ctx, item, metav1.CreateOptions{})
		cause(refused(err, 422, metav1.StatusReasonInvalid, "name or generateName is required"), "metadata.name")
	}},
	{"create: a name that is none is Invalid", func(s *subject) {
		_, err := s.objects().Create(s.ctx, s.made("Not_A_Name", nil), metav1.CreateOptions{})
		cause(refused(err, 422, metav1.StatusReasonInvalid, "lowercase RFC 1123 subdomain"), "metadata.name")
	}},
	{"create: bad labels are Invalid", func(s *subject) {
		item := s.made(s.name(), nil)
		item.SetLabels(map[string]string{"a b": "c"})
		_, err := s.objects().Create(s.ctx, item, metav1.CreateOptions{})
		cause(refused(err, 422, metav1.StatusReasonInvalid), "metadata.labels")
	}},
	{"create: too many annotations are Invalid", func(s *subject) {
		item := s.made(s.name(), nil)
		item.SetAnnotations(map[string]string{"a": strings.Repeat("x", 262145)})
		_, err := s.objects().Create(s.ctx, item, metav1.CreateOptions{})
		cause(refused(err, 422, metav1.StatusReasonInvalid, "Too long"), "metadata.annotations")
	}},
	{"create: a finalizer that is not qualified is Invalid", func(s *subject) {
		item := s.made(s.name(), nil)
		item.SetFinalizers([]string{"not qualified"})
		_, err := s.objects().Create(s.ctx, item, metav1.CreateOptions{})
		refused(err, 422, metav1.StatusReasonInvalid, "metadata.finalizers")
	}},
	{"create: an owner without uid is Invalid", func(s *subject) {
		item := s.made(s.name(), nil)
		item.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "x"}})
		_, err := s.objects().Create(s.ctx, item, metav1.CreateOptions{})
		refused(err, 422, metav1.StatusReasonInvalid, "uid")
	}},
	{"create: two controllers are Invalid", func(s *subject) {
		item, yes := s.made(s.name(), nil), true
		item.SetOwnerReferences([]metav1.OwnerReference{
			{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "1", Controller: &yes},
			{APIVersion: "v1", Kind: "ConfigMap", Name: "y", UID: "2", Controller: &yes},
		})
		_, err := s.objects().Create(s.ctx, item, metav1.CreateOptions{})
		refused(err, 422, metav1.StatusReasonInvalid, "Only one reference can have Controller set to true")
	}},
	{"create: a namespace that does not exist is NotFound", func(s *subject) {
		_, err := s.dynamic.Resource(s.group).Namespace("nobodys").Create(s.ctx, s.made(s.name(), nil), metav1.CreateOptions{})
		refused(err, 404, metav1.StatusReasonNotFound, `namespaces "nobodys" not found`)
	}},
	{"create: another namespace than the path's is BadRequest", func(s *subject) {
		item := s.made(s.name(), nil)
		item.SetNamespace("other")
		_, err := s.objects().Create(s.ctx, item, metav1.CreateOptions{})
		refused(err, 400, metav1.StatusReasonBadRequest, "namespace")
	}},
	{"schema: defaults are filled in", func(s *subject) { equal("color", field(s.created(nil), "spec", "color"), "red") }},
	{"schema: unknown fields are pruned", func(s *subject) {
		equal("unknown", field(s.created(map[string]any{"size": int64(1), "unknown": "x"}), "spec", "unknown"), nil)
	}},
	{"schema: strict validation refuses unknown fields", func(s *subject) {
		_, err := s.objects().Create(s.ctx, s.made(s.name(), map[string]any{"size": int64(1), "unknown": "x"}), metav1.CreateOptions{FieldValidation: "Strict"})
		refused(err, 400, metav1.StatusReasonBadRequest, `unknown field "spec.unknown"`)
	}},
	{"schema: what is too large is Invalid", func(s *subject) {
		_, err := s.objects().Create(s.ctx, s.made(s.name(), map[string]any{"size": int64(10)}), metav1.CreateOptions{})
		one := cause(refused(err, 422, metav1.StatusReasonInvalid, "should be less than or equal to 9"), "spec.size")
		equal("reason", string(one.Type), "FieldValueInvalid")
	}},
	{"schema: what is missing is Invalid", func(s *subject) {
		_, err := s.objects().Create(s.ctx, s.made(s.name(), map[string]any{}), metav1.CreateOptions{})
		cause(refused(err, 422, metav1.StatusReasonInvalid), "spec.size")
	}},
	{"schema: another type is Invalid", func(s *subject) {
		_, err := s.objects().Create(s.ctx, s.made(s.name(), map[string]any{"size": "x"}), metav1.CreateOptions{})
		refused(err, 422, metav1.StatusReasonInvalid, "must be of type integer")
	}},
	{"schema: an entry of a set twice is Invalid", func(s *subject) {
		_, err := s.objects().Create(s.ctx, s.made(s.name(), map[string]any{"size": int64(1), "tags": []any{"a", "a"}}), metav1.CreateOptions{})
		refused(err, 422, metav1.StatusReasonInvalid, "Duplicate value")
	}},
	{"create: status is dropped", func(s *subject) {
		item := set(s.made(s.name(), nil), "Ready", "status", "phase")
		equal("status", field(must(s.objects().Create(s.ctx, item, metav1.CreateOptions{})), "status"), nil)
	}},
	{"create: dryRun stores nothing", func(s *subject) {
		name := s.name()
		found := must(s.objects().Create(s.ctx, s.made(name, nil), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}))
		if found.GetUID() == "" {
			fail("it has no uid")
		}
		_, err := s.objects().Get(s.ctx, name, metav1.GetOptions{})
		refused(err, 404, metav1.StatusReasonNotFound)
	}},
	{"create: another dryRun is Invalid", func(s *subject) {
		_, err := s.objects().Create(s.ctx, s.made(s.name(), nil), metav1.CreateOptions{DryRun: []string{"Some"}})
		refused(err, 422, metav1.StatusReasonInvalid, "dryRun")
	}},
	{"get: what is not there is NotFound", func(s *subject) {
		_, err := s.objects().Get(s.ctx, "nobody", metav1.GetOptions{})
		status := refused(err, 404, metav1.StatusReasonNotFound, `"nobody" not found`)
		equal("details", status.Details.Name+" "+status.Details.Group+" "+status.Details.Kind, "nobody "+s.group.Group+" "+s.group.Resource)
	}},
}
