// Package repro is the home of the scripts that train what papers report; its tests run
// short versions of them.
package repro
