package onnx

import _ "github.com/compress-toolkit/compress/engine/op" // the upgrade asks operators for shapes
