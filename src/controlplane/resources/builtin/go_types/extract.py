#!/usr/bin/env python3
"""Writes go_types.txt: how Go encodes the fields of Kubernetes' API types (pointer or value, omitempty or not).

    extract.py DIRECTORY > go_types.txt

DIRECTORY holds bare or normal checkouts of k8s.io/{api,apimachinery,apiextensions-apiserver,kube-aggregator} at the
tag given below, in folders of these names. Only names, types and JSON tags are read: no text, no code.
"""
import re
import subprocess
import sys

TAG = "v0.36.2"
SOURCES = [
    ("api", "k8s.io/api"),
    ("apimachinery", "k8s.io/apimachinery"),
    ("apiextensions-apiserver", "k8s.io/apiextensions-apiserver"),
    ("kube-aggregator", "k8s.io/kube-aggregator"),
]
WANTED = re.compile(
    r"(^|/)(admissionregistration|apps|authentication|authorization|autoscaling|batch|certificates|coordination|core|"
    r"discovery|events|flowcontrol|networking|node|policy|rbac|resource|scheduling|storage|apiextensions|"
    r"apiregistration|meta)/(v1|v2)/types[a-z_]*\.go$"
)
# Types that have a JSON form of their own.
SPECIAL = {
    "k8s.io/apimachinery/pkg/api/resource.Quantity": "q",
    "k8s.io/apimachinery/pkg/util/intstr.IntOrString": "o",
    "k8s.io/apimachinery/pkg/runtime.RawExtension": "x",
    "k8s.io/apimachinery/pkg/types.UID": "s",
    "k8s.io/apimachinery/pkg/types.NodeName": "s",
    "meta/v1.Time": "t",
    "meta/v1.MicroTime": "T",
    "meta/v1.FieldsV1": "x",
    "meta/v1.Duration": "s",
    "apiextensions/v1.JSON": "x",
    "apiextensions/v1.JSONSchemaPropsOrArray": "?apiextensions/v1.JSONSchemaProps",
    "apiextensions/v1.JSONSchemaPropsOrBool": "?apiextensions/v1.JSONSchemaProps",
    "apiextensions/v1.JSONSchemaPropsOrStringArray": "?apiextensions/v1.JSONSchemaProps",
}
BASIC = {
    "string": "s", "bool": "b", "float64": "f", "float32": "f", "byte": "y",
    **{f"{u}int{n}": "i" for u in ("", "u") for n in ("", "8", "16", "32", "64")},
}


def git(repo, *args):
    return subprocess.run(["git", "-C", repo, *args], check=True, capture_output=True, text=True).stdout


def package(path):
    return "/".join(path.split("/")[-3:-1])


def short(import_path):
    return "/".join(import_path.split("/")[-2:])


structs, aliases = {}, {}


def read(text, name):
    imports = {m[1] or m[2].split("/")[-1]: m[2] for m in re.finditer(r'^\s*(?:import\s+)?(\w+)?\s*"([^"]+)"$', text, re.M)}
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = "\n".join(line for line in text.split("\n") if not line.strip().startswith("//"))

    def qualify(go_type):
        go_type = go_type.strip()
        if go_type.startswith("[]"):
            return ("list", qualify(go_type[2:]))
        if go_type.startswith("*"):
            return ("pointer", qualify(go_type[1:]))
        if match := re.match(r"map\[[\w.]+\](.*)", go_type):
            return ("map", qualify(match[1]))
        if go_type in BASIC:
            return ("code", BASIC[go_type])
        if "." in go_type:
            alias, base = go_type.split(".")
            full = f"{imports[alias]}.{base}"
            return ("code", SPECIAL[full]) if full in SPECIAL else ("name", f"{short(imports[alias])}.{base}")
        return ("name", f"{name}.{go_type}")

    for match in re.finditer(r"^type (\w+) struct \{\n(.*?)^\}", text, re.M | re.S):
        fields = []
        for line in match[2].split("\n"):
            found = re.match(r'\s*(?:(\w+)\s+)?([\w.\[\]*]+)\s+`[^`]*json:"([^"]*)"', line)
            if found:
                tag = found[3].split(",")
                if tag[0] == "-":
                    continue
                fields.append((tag[0], qualify(found[2]), "omitempty" in tag, "omitzero" in tag))
        structs[f"{name}.{match[1]}"] = fields
    for match in re.finditer(r"^type (\w+) struct ?\{\s*\}", text, re.M):
        structs[f"{name}.{match[1]}"] = []
    for match in re.finditer(r"^type (\w+) =? ?([\w.\[\]*]+)$", text, re.M):
        if match[2] != "struct":
            aliases[f"{name}.{match[1]}"] = qualify(match[2])


def encode(go_type):
    kind, inner = go_type
    if kind == "code":
        return inner
    if kind == "list":
        return "s" if inner == ("code", "y") else "[" + encode(inner)
    if kind in ("map", "pointer"):
        return {"map": "{", "pointer": "*"}[kind] + encode(inner)
    if inner in SPECIAL:
        return SPECIAL[inner]
    if inner in aliases:
        return encode(aliases[inner])
    if inner not in structs:
        raise SystemExit(f"unknown type {inner}")
    return inner


def flatten(name):
    for json_name, go_type, omit_empty, omit_zero in structs[name]:
        if json_name:
            yield json_name, encode(go_type), ("z" if omit_zero else "o" if omit_empty else "-")
        else:
            yield from flatten(go_type[1])


def main(directory):
    for folder, _ in SOURCES:
        repo = f"{directory}/{folder}"
        for path in sorted(git(repo, "ls-tree", "-r", "--name-only", TAG).split()):
            if WANTED.search(path):
                read(git(repo, "show", f"{TAG}:{path}"), package(path))
    for name in sorted(structs):
        fields = list(flatten(name)) if not name.endswith("List") else []
        if name not in SPECIAL and not name.endswith("List"):
            print(name)
            for field in fields:
                print(" " + " ".join(field))


main(sys.argv[1])
