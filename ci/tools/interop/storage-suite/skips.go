package main

import (
	"regexp"
	"strings"
)

// skip is a test, or a case of one, that does not run, and why.
type skip struct {
	name   string
	reason string
	only   string // crd or ours, where the other runs it
}

// pattern is what -test.skip takes.
func (s skip) pattern() string {
	parts := strings.Split("Test"+s.name, "/")
	for number, part := range parts {
		if part == "*" {
			parts[number] = ""
			continue
		}
		parts[number] = "^" + regexp.QuoteMeta(strings.ReplaceAll(part, " ", "_")) + "$"
	}
	return strings.Join(parts, "/")
}

const (
	noTTL         = "a request has no time to live"
	noTransformer = "it breaks how etcd's values are encrypted or decoded: a resource shows objects, not bytes"
	noCompaction  = "it compacts etcd: nobody compacts a store by a request"
	noFirst       = "of a store that is not new the first revision is forgotten, and 410 is the answer"
	noSpare       = "the object whose change stands for the compaction is one more here"
	noPrefix      = "a URL names a namespace or an object, no beginning of a key"
)

var skips = []skip{
	{"CreateWithTTL", noTTL, ""},
	{"GuaranteedUpdateWithTTL", noTTL, ""},
	{"DeleteWithConflictAndMissingExpectedTransformOrDecodeError", noTransformer, ""},
	{"DeleteExpectedTransformOrDecodeError", noTransformer, ""},
	{"DeleteWithSuggestionAndMissingExpectedTransformOrDecodeError", noTransformer, ""},
	{"GetListWithErrorAggregation", noTransformer, ""},
	{"GetListWithoutErrorAggregation", noTransformer, ""},
	{"GuaranteedUpdateChecksStoredData", noTransformer, ""},
	{"TransformationFailure", noTransformer, ""},
	{"WatchError", noTransformer, ""},
	{"WatchWithUnsafeDelete", noTransformer, ""},
	{"WatchErrorIsBlockingFurtherEvents", noTransformer, ""},
	{"GuaranteedUpdate/same data, stale", noTransformer, ""},
	{"ListInconsistentContinuation", noCompaction, ""},
	{"List/test List on existing key with resource version set before first write, match=Exact", noCompaction, ""},
	{"List/test List with resource version set before first write, match=Exact", noCompaction, ""},
	{"List/test List with continue, resource version before first write", noCompaction, ""},
	{"List/test List with continue from second pod and limit, negative resource version gives consistent read", noSpare, ""},
	{"List/test List with continue, resource version after writes", noSpare, ""},
	{"List/test List with limit, resource version after writes, match=Exact", noSpare, ""},
	{"List/filter returns two items split across multiple pages", noSpare, ""},
	{"List/filter returns two items split across multiple pages with current resource version and match=NotOlderThan", noSpare, ""},
	{"WatchSemantics/allowWatchBookmarks=true, sendInitialEvents=false, RV=1", noFirst, ""},
	{"WatchSemantics/allowWatchBookmarks=false, sendInitialEvents=false, RV=1", noFirst, ""},
	{"List", "its tokens have a slash in front, its revisions are all of etcd's, its watch cache takes no limit at revision 0", "crd"},
	{"CompactRevision", noCompaction, ""},
	{"GetListRecursivePrefix/*/Recursive on object key (prefix) doesn't return anything", noPrefix, ""},
	{"GetListRecursivePrefix/*/Recursive on object key (no-prefix) doesn't return anything", noPrefix, ""},
	{"Stats", "it counts bytes in etcd", ""},
	{"KeySchema", "it is about keys of etcd", ""},
	{"WatchInitializationSignal", "the signal is one within kube-apiserver", ""},
	{"OptionalTestProgressNotify", "the option is for the watch cache in kube-apiserver", ""},
}
