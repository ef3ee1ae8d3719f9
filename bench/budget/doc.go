// Package budget gates models: a compress.budget.yaml says how large, costly, slow and
// wrong each model may be, [Check] compares what was measured, and what it was before,
// with that, and the writers show the one result to people, to CI and to dashboards.
//
// The file, version 1:
//
//	version: 1
//	models:
//	  - path: student.cmz            # relative to this file
//	    data: mnist                  # for accuracy
//	    dims: {N: 1}                 # extents of symbolic dimensions for macs, peak_ram and latency
//	    limits:
//	      stored_size: {max: 100 KiB, warn: 90 KiB, max_increase: 5 %}
//	      params: {max: 30k}
//	      macs: {max: 30k, level: warn}
//	      accuracy: {min: 97 %}
//	      accuracy_drop: {max: 0.5 points, of: teacher.cmz}
//	      latency_p50: {max: 1.1x, of: teacher.cmz}
//	    layers:
//	      - match: ^fc1/               # a regular expression on nodes' names
//	        limits: {param_bytes: {max: 50 KiB}}
//	    waivers:
//	      - {metric: macs, reason: the new head, until: 2027-01-31}
//
// Sizes need a unit (B, kB, MB, GB, KiB, MiB, GiB), accuracies %, drops points, latencies
// x, as multiples of another model's; counts may have k, M or G.
package budget
