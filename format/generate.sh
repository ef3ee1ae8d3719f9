#!/bin/sh
# Writes internal/cmzpb/cmz.pb.go from cmz.proto. Run it as `go generate ./format`;
# CI adds `git diff --exit-code format/internal/cmzpb` to see that it was run.
# protoc is pinned here, protoc-gen-go by go.mod, as both write their version into the output.
set -eu
cd "$(dirname "$0")"
want=3.21.12
have=$(protoc --version | cut -d' ' -f2)
if [ "$have" != "$want" ]; then
	echo "generate.sh: protoc $want is needed (Debian 12: apt-get install protobuf-compiler), found $have" >&2
	exit 1
fi
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
go build -o "$bin/protoc-gen-go" google.golang.org/protobuf/cmd/protoc-gen-go
protoc --plugin="$bin/protoc-gen-go" --go_out=internal/cmzpb --go_opt=paths=source_relative cmz.proto
