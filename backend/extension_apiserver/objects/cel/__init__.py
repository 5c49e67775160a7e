"""`x-kubernetes-validations`: rules in CEL, the language of kube-apiserver, read, bounded and evaluated here.

Why no library of PyPI does it: none of them (cel-python, common-expression-language, cel-expr-python) can be told how much a rule may spend,
and none checks a rule against a schema, so that a misspelt field is found at start. What would remain of them is the parser, 200 lines here.

There is what CEL and kube-apiserver 1.36 have, but for what is refused at start by name: semver, authorizer, flatten, first, last, sortBy,
lists.range, transformMapEntry, format.named and format.uri, patterns and time zones that come from an object, time zones by name, rules
within allOf.
"""
