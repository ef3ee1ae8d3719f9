// Package bench measures models: size, cost, accuracy, latency and agreement with
// one another. A [Report] is the one result from which every output (table, JSON, ...)
// is made.
//
// Latencies of several models are measured interleaved, in one process, so that
// their ratio holds when the machine's speed drifts; absolute times are noise on shared
// machines.
package bench
