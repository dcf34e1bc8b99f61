// What tests/clients/programs.py says and hears: one JSON object a line, the task first and what was seen last.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
)

type seen = map[string]interface{}

var input = bufio.NewReader(os.Stdin)

// Somebody's browser goes there; what the portal sends with it to the client.
func visit(address string) url.Values {
	say(seen{"visit": address})
	var answer struct {
		Arrived string `json:"arrived"`
	}
	hear(&answer)
	arrived, err := url.Parse(answer.Arrived)
	must(err)
	return arrived.Query()
}

func hear(into interface{}) {
	line, err := input.ReadBytes('\n')
	must(err)
	must(json.Unmarshal(line, into))
}

func say(said seen) {
	must(json.NewEncoder(os.Stdout).Encode(said))
}

func must(err error) {
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
