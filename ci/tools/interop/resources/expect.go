package main

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func equal(what string, found, wanted any) {
	if !reflect.DeepEqual(found, wanted) {
		a, _ := json.Marshal(found)
		b, _ := json.Marshal(wanted)
		fail("%s is %s, not %s", what, a, b)
	}
}

func differ(what string, found, other any) {
	if reflect.DeepEqual(found, other) {
		fail("%s did not change: %v", what, found)
	}
}

// refused checks an error: its code, its reason, and words that it has.
func refused(err error, code int32, reason metav1.StatusReason, words ...string) metav1.Status {
	if err == nil {
		fail("it was not refused, with %d %s", code, reason)
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		fail("it is no Status: %v", err)
	}
	found := status.Status()
	if found.Code != code || found.Reason != reason {
		fail("it was refused with %d %s (%s), not %d %s", found.Code, found.Reason, found.Message, code, reason)
	}
	for _, one := range words {
		if !strings.Contains(found.Message, one) {
			fail("the refusal says %q, without %q", found.Message, one)
		}
	}
	return found
}

// cause checks that a refusal names a field.
func cause(status metav1.Status, field string) metav1.StatusCause {
	if status.Details != nil {
		for _, one := range status.Details.Causes {
			if one.Field == field {
				return one
			}
		}
	}
	fail("no cause names %s: %+v", field, status.Details)
	return metav1.StatusCause{}
}

func field(item *unstructured.Unstructured, path ...string) any {
	value, _, _ := unstructured.NestedFieldNoCopy(item.Object, path...)
	return value
}

func set(item *unstructured.Unstructured, value any, path ...string) *unstructured.Unstructured {
	if err := unstructured.SetNestedField(item.Object, value, path...); err != nil {
		fail("%v", err)
	}
	return item
}
