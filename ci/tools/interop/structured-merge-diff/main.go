// Merges as kube-apiserver does, by its own packages: the oracle of tests/interop_units. One JSON object a line, {schema, steps}, on standard input;
// a line for each, {results}, on standard output.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/kube-openapi/pkg/schemaconv"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/merge"
	smdschema "sigs.k8s.io/structured-merge-diff/v6/schema"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

const version = fieldpath.APIVersion("v1")

type scenario struct {
	Schema *spec.Schema `json:"schema"`
	Steps  []step       `json:"steps"`
}

type step struct {
	Manager string          `json:"manager"`
	Apply   bool            `json:"apply"`
	Force   bool            `json:"force"`
	Object  json.RawMessage `json:"object"`
}

type owned struct {
	Applied bool            `json:"applied"`
	Fields  json.RawMessage `json:"fields"`
}

type result struct {
	Object    interface{}      `json:"object"`
	Owners    map[string]owned `json:"owners"`
	Conflicts []string         `json:"conflicts"`
	Error     string           `json:"error"`
}

// one is the only version there is.
type one struct{}

func (one) Convert(object *typed.TypedValue, _ fieldpath.APIVersion) (*typed.TypedValue, error) {
	return object, nil
}

func (one) IsMissingVersionError(error) bool { return false }

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var asked scenario
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			fail(err)
		}
		converted, err := schemaconv.ToSchemaFromOpenAPI(map[string]*spec.Schema{"kind": asked.Schema}, false)
		if err != nil {
			fail(err)
		}
		parser := typed.Parser{Schema: smdschema.Schema{Types: converted.Types}}
		answer, err := json.Marshal(map[string]any{"results": play(parser.Type("kind"), asked.Steps)})
		if err != nil {
			fail(err)
		}
		fmt.Println(string(answer))
	}
	if err := lines.Err(); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func play(kind typed.ParseableType, steps []step) []result {
	updater := (&merge.UpdaterBuilder{Converter: one{}}).BuildUpdater()
	live, err := kind.FromUnstructured(map[string]interface{}{}, typed.AllowDuplicates)
	if err != nil {
		fail(err)
	}
	managers := fieldpath.ManagedFields{}
	results := []result{}
	for _, next := range steps {
		after, owners, err := take(updater, kind, live, managers.Copy(), next)
		told := result{Owners: map[string]owned{}, Conflicts: []string{}}
		if conflicts, ok := err.(merge.Conflicts); ok {
			for _, conflict := range conflicts {
				told.Conflicts = append(told.Conflicts, conflict.Manager+" "+conflict.Path.String())
			}
		} else if err != nil {
			told.Error = err.Error()
		} else {
			managers = owners
			if after != nil {
				live = after
			}
		}
		told.Object = live.AsValue().Unstructured()
		for name, set := range managers {
			fields, err := set.Set().ToJSON()
			if err != nil {
				fail(err)
			}
			told.Owners[name] = owned{set.Applied(), fields}
		}
		results = append(results, told)
	}
	return results
}

func take(updater *merge.Updater, kind typed.ParseableType, live *typed.TypedValue, managers fieldpath.ManagedFields, next step) (*typed.TypedValue, fieldpath.ManagedFields, error) {
	read, err := value.FromJSON(next.Object)
	if err != nil {
		return nil, nil, err
	}
	if next.Apply {
		config, err := kind.FromUnstructured(read.Unstructured())
		if err != nil {
			return nil, nil, err
		}
		return updater.Apply(live, config, version, managers, next.Manager, next.Force)
	}
	object, err := kind.FromUnstructured(read.Unstructured(), typed.AllowDuplicates)
	if err != nil {
		return nil, nil, err
	}
	return updater.Update(live, object, version, managers, next.Manager)
}
