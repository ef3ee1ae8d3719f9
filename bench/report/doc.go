// Package report shows models to people: [Page.WriteHTML] writes one HTML file that
// needs no network and no script, and [Page.Plots] are its plots as SVG.
//
// It draws what it is given; [Describe] and [Spectra] collect that from models, and
// package bench measures them. Numbers for programs are bench.Report's JSON.
package report
