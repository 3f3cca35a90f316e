#!/usr/bin/env python3
"""Packs Kubernetes' OpenAPI v2 document into `openapi.pack`.

    pack.py OPENAPI_V2_JSON[.xz]

The pack is one line of JSON (chunk name -> [offset, length], counted from the end of that line), then the chunks, each
deflated by itself, so that a reader inflates only what it needs. A chunk holds one `name<TAB>json` a line:

    definitions/<package>   the definitions of one package, such as `io.k8s.api.apps.v1`
    paths/<prefix>          the paths of one group version, such as `apis/apps/v1`; other paths under `paths/`
    root                    everything else: info, parameters, security

Same input, same bytes. Definitions that the paths never reach are kept: upstream serves them too.
"""

import json
import lzma
import pathlib
import re
import sys
import zlib

GROUP_VERSION = re.compile(r"^/(api/[^/]+|apis/[^/]+/[^/]+)/")


def read(path):
    opened = lzma.open(path) if path.endswith(".xz") else open(path, "rb")
    with opened as file:
        return json.load(file)


def chunks(document):
    out = {}
    for name, definition in document.pop("definitions").items():
        out.setdefault("definitions/" + name.rsplit(".", 1)[0], {})[name] = definition
    for path, item in document.pop("paths").items():
        match = GROUP_VERSION.match(path)
        out.setdefault("paths/" + (match.group(1) if match else ""), {})[path] = item
    out["root"] = document
    return out


def deflate(entries):
    lines = [name + "\t" + json.dumps(entries[name], separators=(",", ":"), ensure_ascii=False) for name in sorted(entries)]
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress("\n".join(lines).encode()) + packer.flush()


def main():
    index, body = {}, b""
    for name, entries in sorted(chunks(read(sys.argv[1])).items()):
        packed = deflate(entries)
        index[name] = [len(body), len(packed)]
        body += packed
    target = pathlib.Path(__file__).with_name("openapi.pack")
    target.write_bytes(json.dumps(index, separators=(",", ":")).encode() + b"\n" + body)
    print(f"{target.name}: {target.stat().st_size} bytes, {len(index)} chunks")


if __name__ == "__main__":
    main()
