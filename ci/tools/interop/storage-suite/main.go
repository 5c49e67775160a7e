// Runs the tests that upstream has for a store of kube-apiserver, k8s.io/apiserver/pkg/storage/testing, over REST against a resource:
// rest.go is a store whose database is that resource.
//
// Usage: storage-suite KUBECONFIG GROUP VERSION PLURAL KIND crd|ours [flags of go test, such as -test.v -test.run=TestList]
// The kind has the schema in tests/resource_checks/twins.py; what is in it is deleted before each test.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/storage"
	storagetesting "k8s.io/apiserver/pkg/storage/testing"
)

var subject *resource

type suite func(context.Context, *testing.T, *store)

func plain(run func(context.Context, *testing.T, storage.Interface)) suite {
	return func(ctx context.Context, t *testing.T, s *store) { run(ctx, t, s) }
}

func counted(run func(context.Context, *testing.T, storage.Interface, storagetesting.CallsValidation)) suite {
	return func(ctx context.Context, t *testing.T, s *store) { run(ctx, t, s, nil) }
}

// stored is what upstream demands of the bytes in etcd.
func stored(ctx context.Context, t *testing.T, key string) {
	var pod example.Pod
	if err := (&store{subject}).Get(ctx, key, storage.GetOptions{}, &pod); err != nil {
		t.Fatalf("%s is not there: %v", key, err)
	}
	if pod.SelfLink != "" {
		t.Errorf("%s has a selfLink", key)
	}
}

var suites = map[string]suite{
	"Create":                                     func(ctx context.Context, t *testing.T, s *store) { storagetesting.RunTestCreate(ctx, t, s, stored) },
	"CreateWithKeyExist":                         plain(storagetesting.RunTestCreateWithKeyExist),
	"Get":                                        plain(storagetesting.RunTestGet),
	"UnconditionalDelete":                        plain(storagetesting.RunTestUnconditionalDelete),
	"ConditionalDelete":                          plain(storagetesting.RunTestConditionalDelete),
	"DeleteWithSuggestion":                       plain(storagetesting.RunTestDeleteWithSuggestion),
	"DeleteWithSuggestionAndConflict":            plain(storagetesting.RunTestDeleteWithSuggestionAndConflict),
	"DeleteWithConflict":                         plain(storagetesting.RunTestDeleteWithConflict),
	"DeleteWithSuggestionOfDeletedObject":        plain(storagetesting.RunTestDeleteWithSuggestionOfDeletedObject),
	"ValidateDeletionWithSuggestion":             plain(storagetesting.RunTestValidateDeletionWithSuggestion),
	"ValidateDeletionWithOnlySuggestionValid":    plain(storagetesting.RunTestValidateDeletionWithOnlySuggestionValid),
	"PreconditionalDeleteWithSuggestion":         plain(storagetesting.RunTestPreconditionalDeleteWithSuggestion),
	"PreconditionalDeleteWithOnlySuggestionPass": plain(storagetesting.RunTestPreconditionalDeleteWithOnlySuggestionPass),
	"List": func(ctx context.Context, t *testing.T, s *store) {
		storagetesting.RunTestList(ctx, t, s, s.written, false, nil)
	},
	"ConsistentList": func(ctx context.Context, t *testing.T, s *store) {
		storagetesting.RunTestConsistentList(ctx, t, s, s.increase, false, true, false)
	},
	"GetListNonRecursive": func(ctx context.Context, t *testing.T, s *store) {
		storagetesting.RunTestGetListNonRecursive(ctx, t, s.increase, s)
	},
	"GetListRecursivePrefix":     plain(storagetesting.RunTestGetListRecursivePrefix),
	"ListContinuation":           counted(storagetesting.RunTestListContinuation),
	"ListPaginationRareObject":   counted(storagetesting.RunTestListPaginationRareObject),
	"ListContinuationWithFilter": counted(storagetesting.RunTestListContinuationWithFilter),
	"ListResourceVersionMatch": func(ctx context.Context, t *testing.T, s *store) {
		storagetesting.RunTestListResourceVersionMatch(ctx, t, s)
	},
	"GuaranteedUpdate": func(ctx context.Context, t *testing.T, s *store) {
		storagetesting.RunTestGuaranteedUpdate(ctx, t, s, stored)
	},
	"GuaranteedUpdateWithConflict":              plain(storagetesting.RunTestGuaranteedUpdateWithConflict),
	"GuaranteedUpdateWithSuggestionAndConflict": plain(storagetesting.RunTestGuaranteedUpdateWithSuggestionAndConflict),
	"ListPaging":          plain(storagetesting.RunTestListPaging),
	"NamespaceScopedList": plain(storagetesting.RunTestNamespaceScopedList),
	"Watch":               plain(storagetesting.RunTestWatch),
	"WatchFromZero": func(ctx context.Context, t *testing.T, s *store) {
		storagetesting.RunTestWatchFromZero(ctx, t, s, nil)
	},
	"DeleteTriggerWatch":                 plain(storagetesting.RunTestDeleteTriggerWatch),
	"WatchFromNonZero":                   plain(storagetesting.RunTestWatchFromNonZero),
	"DelayedWatchDelivery":               plain(storagetesting.RunTestDelayedWatchDelivery),
	"WatchContextCancel":                 plain(storagetesting.RunTestWatchContextCancel),
	"WatcherTimeout":                     plain(storagetesting.RunTestWatcherTimeout),
	"WatchDeleteEventObjectHaveLatestRV": plain(storagetesting.RunTestWatchDeleteEventObjectHaveLatestRV),
	"ClusterScopedWatch":                 plain(storagetesting.RunTestClusterScopedWatch),
	"NamespaceScopedWatch":               plain(storagetesting.RunTestNamespaceScopedWatch),
	"WatchDispatchBookmarkEvents": func(ctx context.Context, t *testing.T, s *store) {
		storagetesting.RunTestWatchDispatchBookmarkEvents(ctx, t, s, true)
	},
	"OptionalWatchBookmarksWithCorrectResourceVersion": plain(storagetesting.RunTestOptionalWatchBookmarksWithCorrectResourceVersion),
	"SendInitialEventsBackwardCompatibility":           plain(storagetesting.RunSendInitialEventsBackwardCompatibility),
	"WatchSemantics":                                   plain(storagetesting.RunWatchSemantics),
	"WatchSemanticInitialEventsExtended":               plain(storagetesting.RunWatchSemanticInitialEventsExtended),
	"WatchListMatchSingle":                             plain(storagetesting.RunWatchListMatchSingle),
}

func main() {
	if len(os.Args) < 7 {
		fmt.Fprintln(os.Stderr, "usage: storage-suite KUBECONFIG GROUP VERSION PLURAL KIND crd|ours [flags of go test]")
		os.Exit(2)
	}
	var err error
	if subject, err = newResource(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6] == "crd"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	var patterns []string
	for _, one := range skips {
		if one.only == "" || one.only == os.Args[6] {
			fmt.Printf("SKIP %s: %s\n", one.name, one.reason)
			patterns = append(patterns, one.pattern())
		}
	}
	var tests []testing.InternalTest
	for _, name := range slices.Sorted(maps.Keys(suites)) {
		run := suites[name]
		tests = append(tests, testing.InternalTest{Name: "Test" + name, F: func(t *testing.T) {
			if err := subject.empty(context.Background()); err != nil {
				t.Fatal(err)
			}
			run(context.Background(), t, &store{subject})
		}})
	}
	os.Args = append([]string{os.Args[0], "-test.skip=" + strings.Join(patterns, "|")}, os.Args[7:]...)
	testing.Main(regexp.MatchString, tests, nil, nil)
}
