package main

import (
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

func (s *subject) deleted(name string, options metav1.DeleteOptions) {
	if err := s.objects().Delete(s.ctx, name, options); err != nil {
		fail("%v", err)
	}
}

func (s *subject) isGone(name string) string {
	_, err := s.objects().Get(s.ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return ""
	}
	return fmt.Sprintf("%s is still there (%v)", name, err)
}

func (s *subject) owned(by *unstructured.Unstructured) *unstructured.Unstructured {
	yes := true
	item := s.made(s.name(), nil)
	item.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: by.GetAPIVersion(), Kind: by.GetKind(), Name: by.GetName(), UID: by.GetUID(), BlockOwnerDeletion: &yes}})
	return must(s.objects().Create(s.ctx, item, metav1.CreateOptions{}))
}

var deleteChecks = []check{
	{"delete: answers a Status that names it", func(s *subject) {
		item := s.created(nil)
		var status metav1.Status
		err := s.cluster.Discovery().RESTClient().Delete().AbsPath("apis", s.group.Group, s.group.Version, "namespaces", s.namespace, s.group.Resource, item.GetName()).Do(s.ctx).Into(&status)
		if err != nil {
			fail("%v", err)
		}
		equal("status", status.Status, "Success")
		equal("details", fmt.Sprint(status.Details.Name, status.Details.Group, status.Details.Kind, status.Details.UID), fmt.Sprint(item.GetName(), s.group.Group, s.group.Resource, item.GetUID()))
		equal("gone", s.isGone(item.GetName()), "")
	}},
	{"delete: what is not there is NotFound", func(s *subject) {
		refused(s.objects().Delete(s.ctx, "nobody", metav1.DeleteOptions{}), 404, metav1.StatusReasonNotFound)
	}},
	{"delete: another uid is a Conflict", func(s *subject) {
		other := types.UID("other")
		refused(s.objects().Delete(s.ctx, s.created(nil).GetName(), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &other}}), 409, metav1.StatusReasonConflict)
	}},
	{"delete: another resourceVersion is a Conflict", func(s *subject) {
		item := s.created(nil)
		was := item.GetResourceVersion()
		s.updated(set(item, int64(2), "spec", "size"))
		refused(s.objects().Delete(s.ctx, item.GetName(), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &was}}), 409, metav1.StatusReasonConflict)
	}},
	{"delete: dryRun deletes nothing", func(s *subject) {
		item := s.created(nil)
		s.deleted(item.GetName(), metav1.DeleteOptions{DryRun: []string{"All"}})
		s.got(item.GetName())
	}},
	{"finalizers: the object stays, with a deletionTimestamp", func(s *subject) {
		item := s.made(s.name(), nil)
		item.SetFinalizers([]string{"example.com/f"})
		item = must(s.objects().Create(s.ctx, item, metav1.CreateOptions{}))
		s.deleted(item.GetName(), metav1.DeleteOptions{})
		found := s.got(item.GetName())
		if found.GetDeletionTimestamp() == nil {
			fail("it has none")
		}
		equal("generation", found.GetGeneration(), int64(2))
		found.SetFinalizers(nil)
		s.updated(found)
		equal("gone", s.isGone(item.GetName()), "")
	}},
	{"finalizers: none can be added once it is being deleted", func(s *subject) {
		item := s.made(s.name(), nil)
		item.SetFinalizers([]string{"example.com/f"})
		item = must(s.objects().Create(s.ctx, item, metav1.CreateOptions{}))
		s.deleted(item.GetName(), metav1.DeleteOptions{})
		found := s.got(item.GetName())
		found.SetFinalizers([]string{"example.com/f", "example.com/g"})
		_, err := s.objects().Update(s.ctx, found, metav1.UpdateOptions{})
		refused(err, 422, metav1.StatusReasonInvalid, "no new finalizers can be added if the object is being deleted")
		must(s.patched(item.GetName(), types.MergePatchType, `{"metadata":{"finalizers":null}}`))
		equal("gone", s.isGone(item.GetName()), "")
	}},
	{"finalizers: deleting twice changes nothing", func(s *subject) {
		item := s.made(s.name(), nil)
		item.SetFinalizers([]string{"example.com/f"})
		item = must(s.objects().Create(s.ctx, item, metav1.CreateOptions{}))
		s.deleted(item.GetName(), metav1.DeleteOptions{})
		first := s.got(item.GetName())
		s.deleted(item.GetName(), metav1.DeleteOptions{})
		equal("resourceVersion", s.got(item.GetName()).GetResourceVersion(), first.GetResourceVersion())
		must(s.patched(item.GetName(), types.JSONPatchType, `[{"op":"remove","path":"/metadata/finalizers"}]`))
	}},
	{"deletecollection: only what is selected", func(s *subject) {
		selector, other := s.several(3), s.created(nil)
		if err := s.objects().DeleteCollection(s.ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: selector}); err != nil {
			fail("%v", err)
		}
		equal("items", len(s.listed(metav1.ListOptions{LabelSelector: selector}).Items), 0)
		s.got(other.GetName())
	}},
	{"deletecollection: dryRun deletes nothing", func(s *subject) {
		selector := s.several(2)
		if err := s.objects().DeleteCollection(s.ctx, metav1.DeleteOptions{DryRun: []string{"All"}}, metav1.ListOptions{LabelSelector: selector}); err != nil {
			fail("%v", err)
		}
		equal("items", len(s.listed(metav1.ListOptions{LabelSelector: selector}).Items), 2)
	}},
	{"delete: orphan and propagationPolicy together are refused", func(s *subject) {
		yes, policy := true, metav1.DeletePropagationBackground
		refused(s.objects().Delete(s.ctx, s.created(nil).GetName(), metav1.DeleteOptions{OrphanDependents: &yes, PropagationPolicy: &policy}), 422, metav1.StatusReasonInvalid)
	}},
}

var controllerChecks = []check{
	{"garbage collector: dependents go in the background", func(s *subject) {
		owner := s.created(nil)
		dependent := s.owned(owner)
		policy := metav1.DeletePropagationBackground
		s.deleted(owner.GetName(), metav1.DeleteOptions{PropagationPolicy: &policy})
		eventually("the dependent goes", func() string { return s.isGone(dependent.GetName()) })
	}},
	{"garbage collector: in the foreground the owner goes last", func(s *subject) {
		owner := s.created(nil)
		dependent := s.owned(owner)
		policy := metav1.DeletePropagationForeground
		s.deleted(owner.GetName(), metav1.DeleteOptions{PropagationPolicy: &policy})
		eventually("the owner goes", func() string { return s.isGone(owner.GetName()) })
		equal("dependent", s.isGone(dependent.GetName()), "")
	}},
	{"garbage collector: orphans stay", func(s *subject) {
		owner := s.created(nil)
		dependent := s.owned(owner)
		policy := metav1.DeletePropagationOrphan
		s.deleted(owner.GetName(), metav1.DeleteOptions{PropagationPolicy: &policy})
		eventually("the owner goes", func() string { return s.isGone(owner.GetName()) })
		equal("owners", len(s.got(dependent.GetName()).GetOwnerReferences()), 0)
	}},
	{"garbage collector: a ConfigMap owned by one goes", func(s *subject) {
		owner := s.created(nil)
		maps := s.cluster.CoreV1().ConfigMaps(s.namespace)
		made := must(maps.Create(s.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "owned-", OwnerReferences: []metav1.OwnerReference{{APIVersion: owner.GetAPIVersion(), Kind: owner.GetKind(), Name: owner.GetName(), UID: owner.GetUID()}}}}, metav1.CreateOptions{}))
		s.deleted(owner.GetName(), metav1.DeleteOptions{})
		eventually("the ConfigMap goes", func() string {
			if _, err := maps.Get(s.ctx, made.Name, metav1.GetOptions{}); apierrors.IsNotFound(err) {
				return ""
			}
			return "it is still there"
		})
	}},
	{"garbage collector: one whose owner is not there goes", func(s *subject) {
		item := s.made(s.name(), nil)
		item.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "none", UID: "none"}})
		item = must(s.objects().Create(s.ctx, item, metav1.CreateOptions{}))
		eventually("it goes", func() string { return s.isGone(item.GetName()) })
	}},
	{"namespace: its objects go with it, and none is created in it", func(s *subject) {
		space := must(s.cluster.CoreV1().Namespaces().Create(s.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "twins-"}}, metav1.CreateOptions{})).Name
		objects := s.dynamic.Resource(s.group).Namespace(space)
		item := s.made("held", nil)
		item.SetFinalizers([]string{"example.com/f"})
		eventually("the namespace takes objects", func() string {
			if _, err := objects.Create(s.ctx, item, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
				return err.Error()
			}
			return ""
		})
		if err := s.cluster.CoreV1().Namespaces().Delete(s.ctx, space, metav1.DeleteOptions{}); err != nil {
			fail("%v", err)
		}
		eventually("it is being deleted", func() string {
			found, err := objects.Get(s.ctx, "held", metav1.GetOptions{})
			if err != nil || found.GetDeletionTimestamp() == nil {
				return fmt.Sprintf("%v", err)
			}
			return ""
		})
		_, err := objects.Create(s.ctx, s.made("late", nil), metav1.CreateOptions{})
		status := refused(err, 403, metav1.StatusReasonForbidden, "because it is being terminated")
		equal("cause", string(status.Details.Causes[0].Type), "NamespaceTerminating")
		must(objects.Patch(s.ctx, "held", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{}))
		eventually("the namespace goes", func() string {
			if _, err := s.cluster.CoreV1().Namespaces().Get(s.ctx, space, metav1.GetOptions{}); apierrors.IsNotFound(err) {
				return ""
			}
			return "it is still there"
		})
	}},
	{"quota: objects are counted", func(s *subject) {
		name := corev1.ResourceName(fmt.Sprintf("count/%s.%s", s.group.Resource, s.group.Group))
		quotas := s.cluster.CoreV1().ResourceQuotas(s.namespace)
		s.created(nil)
		hard := func(n int64) corev1.ResourceList {
			return corev1.ResourceList{name: *resource.NewQuantity(100000+n, resource.DecimalSI)}
		}
		quota := must(quotas.Create(s.ctx, &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{GenerateName: "twins-"}, Spec: corev1.ResourceQuotaSpec{Hard: hard(0)}}, metav1.CreateOptions{}))
		defer quotas.Delete(s.ctx, quota.Name, metav1.DeleteOptions{})
		var tries int64
		eventually("it counts", func() string {
			found, err := quotas.Get(s.ctx, quota.Name, metav1.GetOptions{})
			if err != nil {
				return err.Error()
			}
			used, wanted := found.Status.Used[name], len(s.listed(metav1.ListOptions{}).Items)
			if used.Value() == int64(wanted) {
				return ""
			}
			// The monitor may see an object later than the quota, and counts anew when the quota is another.
			tries++
			found.Spec.Hard = hard(tries)
			quotas.Update(s.ctx, found, metav1.UpdateOptions{})
			return fmt.Sprintf("it counts %d of %d", used.Value(), wanted)
		})
	}},
}

func (s *subject) scale(name string) autoscalingv1.Scale {
	item := must(s.objects().Get(s.ctx, name, metav1.GetOptions{}, "scale"))
	var found autoscalingv1.Scale
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(item.Object, &found); err != nil {
		fail("%v", err)
	}
	return found
}

var scaleChecks = []check{
	{"scale: get", func(s *subject) {
		item := s.created(map[string]any{"size": int64(1), "replicas": int64(3)})
		found := s.scale(item.GetName())
		equal("kind", found.APIVersion+" "+found.Kind, "autoscaling/v1 Scale")
		equal("replicas", found.Spec.Replicas, int32(3))
		equal("uid", found.UID, item.GetUID())
		equal("resourceVersion", found.ResourceVersion, item.GetResourceVersion())
	}},
	{"scale: status and selector", func(s *subject) {
		item := s.created(map[string]any{"size": int64(1), "replicas": int64(3)})
		set(set(item, int64(2), "status", "replicas"), "a=b", "status", "selector")
		must(s.objects().UpdateStatus(s.ctx, item, metav1.UpdateOptions{}))
		found := s.scale(item.GetName())
		equal("replicas", found.Status.Replicas, int32(2))
		equal("selector", found.Status.Selector, "a=b")
	}},
	{"scale: update", func(s *subject) {
		item := s.created(map[string]any{"size": int64(1), "replicas": int64(3)})
		scale := must(s.objects().Get(s.ctx, item.GetName(), metav1.GetOptions{}, "scale"))
		must(s.objects().Update(s.ctx, set(scale, int64(5), "spec", "replicas"), metav1.UpdateOptions{}, "scale"))
		found := s.got(item.GetName())
		equal("replicas", field(found, "spec", "replicas"), int64(5))
		equal("generation", found.GetGeneration(), int64(2))
	}},
	{"scale: patch", func(s *subject) {
		item := s.created(map[string]any{"size": int64(1), "replicas": int64(3)})
		must(s.patched(item.GetName(), types.MergePatchType, `{"spec":{"replicas":7}}`, "scale"))
		equal("replicas", field(s.got(item.GetName()), "spec", "replicas"), int64(7))
	}},
	{"scale: a negative number is Invalid", func(s *subject) {
		item := s.created(map[string]any{"size": int64(1), "replicas": int64(3)})
		_, err := s.patched(item.GetName(), types.MergePatchType, `{"spec":{"replicas":-1}}`, "scale")
		refused(err, 422, metav1.StatusReasonInvalid)
	}},
}
