#!/usr/bin/env python3
"""Writes fields.txt: which protobuf tag of which Kubernetes message is which JSON field.

    fields.py K8S_PB_SRC OPENAPI_V2_JSON nullable.txt > fields.txt

K8S_PB_SRC is the `src` folder of the crate k8s-pb (prost structs, the source of tags and wire kinds), OPENAPI_V2_JSON
the `/openapi/v2` document of a Kubernetes API server (the source of JSON names, required fields and kinds, since prost
forgets upper case). nullable.txt names the scalar fields that are pointers in Go, for which zero is not the same as
absent. Same input, same bytes; standard library only.
"""

import json
import os
import re
import sys

# Messages whose JSON form is not an object of their fields; special.rs knows each by this name.
SPECIAL = {
    'Time', 'MicroTime', 'Quantity', 'IntOrString', 'RawExtension', 'FieldsV1', 'Json', 'ExtraValue',
    'JsonSchemaPropsOrBool', 'JsonSchemaPropsOrArray', 'JsonSchemaPropsOrStringArray',
}
# Fields whose message is part of the one that holds it: Go embeds them, and JSON does not show them. Where the message
# has no definition of its own, its JSON names are those of the holder.
INLINE = {'volumesource', 'persistentvolumesource', 'handler', 'ephemeralcontainercommon', 'localobjectreference',
          'rulewithoperations', 'rule', 'ingressrulevalue', 'deviceconfiguration'}
ROOTS = [('api', 'io.k8s.api'), ('apimachinery', 'io.k8s.apimachinery'),
         ('apiextensions_apiserver', 'io.k8s.apiextensions-apiserver'),
         ('kube_aggregator', 'io.k8s.kube-aggregator')]
SCALARS = {'string': 's', 'int32': 'i', 'int64': 'i', 'uint32': 'i', 'uint64': 'i', 'bool': 'b', 'double': 'd',
           'float': 'f', 'bytes': 'y', 'bytes = "vec"': 'y'}

DELETE_OPTIONS = ('apimachinery', 'pkg', 'apis', 'meta', 'v1', 'DeleteOptions')


def normal(name):
    return re.sub(r'[-_$]', '', name.removeprefix('r#')).lower()


def short(path):
    """Returns `core.v1.Pod` for ('api', 'core', 'v1', 'Pod')."""
    return '.'.join(path[-3:])


def resolve(here, text):
    """Returns the path of a message that a module names."""
    parts, path = text.split('::'), list(here)
    while parts[0] == 'super':
        parts.pop(0)
        path.pop()
    return tuple(path + parts)


def messages(source):
    found = {}
    for folder, _, files in sorted(os.walk(source)):
        here = tuple(os.path.relpath(folder, source).split(os.sep))
        if 'mod.rs' not in files or here[0] == '.':
            continue
        text = open(os.path.join(folder, 'mod.rs')).read()
        text = re.sub(r'^\s*///.*\n', '', text, flags=re.M)
        for struct in re.finditer(r'pub struct (\w+) \{(?:\}|(.*?)\n\})', text, re.S):
            fields = re.findall(r'#\[prost\((.*?)\)\]\s*pub ([\w#]+):\s*(.*?),\n(?=\s*(?:#\[|$))', (struct[2] or '') + '\n', re.S)
            found[here + (struct[1],)] = [field(here, *entry) for entry in fields]
    return found


def field(here, prost, name, rust_type):
    parts = re.split(r', (?=[a-z])', prost)
    tag = int(re.search(r'tag = "(\d+)"', prost)[1])
    repeated, kind = 'repeated' in parts, parts[0]
    target = None
    if kind.startswith('btree_map'):
        value = re.search(r'"string, (\w+)"', prost)[1]
        kind, repeated = ('map', value), False
        if value == 'message':
            target = re.search(r',\s*([\w:]+?),?\s*>$', rust_type.strip())[1]
    elif kind in ('message', 'message, boxed'):
        target = re.search(r'([\w:]+?),?\s*>+\s*,?\s*>*$', rust_type.strip())[1]
    if target:
        target = resolve(here, target)
    return tag, name, kind, repeated, target


def definition(path, definitions):
    for root, prefix in ROOTS:
        if path[0] == root:
            return definitions.get('.'.join((prefix,) + path[1:]).lower())
    return None


def line(path, holder, found, definitions, nullable, queue, problems):
    schema = definition(path, definitions) or definition(holder, definitions) or {}
    names = {normal(name): name for name in schema.get('properties', {})}
    required = set(schema.get('required', []))
    out = []
    for tag, name, kind, repeated, target in found[path]:
        json_name = names.get(normal(name))
        inline = ''
        if json_name is None:
            if kind == 'message' and normal(name) in INLINE:
                inline, json_name = '~', normal(name)
            else:
                problems.append(f'{short(path)}.{name}')
                continue
        code = '[]' if repeated else ''
        if isinstance(kind, tuple):
            code, kind = '{}', kind[1]
        if target:
            queue.append((target, path))
            code += (inline or '=') + short(target)
        else:
            code += SCALARS[kind]
            if json_name in required or f'{short(path)}.{json_name}' in nullable:
                code += '!'
        out.append(f'{tag}:{json_name}:{code}')
    return f'{short(path)} ' + ' '.join(out)


def main():
    source, openapi, nullable = sys.argv[1:4]
    definitions = {name.lower(): schema for name, schema in json.load(open(openapi))['definitions'].items()}
    nullable = {text.strip() for text in open(nullable) if text.strip() and not text.startswith('#')}
    found = messages(source)
    by_definition = {}
    for path in found:
        for root, prefix in ROOTS:
            if path[0] == root:
                by_definition['.'.join((prefix,) + path[1:]).lower()] = path
    kinds, queue = [], [(DELETE_OPTIONS, DELETE_OPTIONS)]
    for name, schema in sorted(definitions.items()):
        path = by_definition.get(name)
        for gvk in schema.get('x-kubernetes-group-version-kind', []):
            if gvk['kind'].endswith('List') or gvk['kind'] in ('DeleteOptions', 'WatchEvent', 'Status', 'APIGroup',
                                                                'APIResourceList', 'APIVersions', 'APIGroupList'):
                continue
            if path is None:
                print(f'no message for {name}', file=sys.stderr)
                continue
            api_version = gvk['version'] if not gvk['group'] else f"{gvk['group']}/{gvk['version']}"
            kinds.append(f"kind {api_version} {gvk['kind']} {short(path)}")
            queue.append((path, path))
    lines, problems, done = [], [], set()
    while queue:
        path, holder = queue.pop()
        if path in done:
            continue
        done.add(path)
        if path[-1] not in SPECIAL:
            lines.append(line(path, holder, found, definitions, nullable, queue, problems))
    for problem in sorted(problems):
        print(f'no JSON name for {problem}', file=sys.stderr)
    print('# Written by fields.py from the crate k8s-pb (Apache-2.0); not edited by hand.')
    print('\n'.join(sorted(set(kinds)) + sorted(lines)))


main()
