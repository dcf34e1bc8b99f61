// golang.org/x/oauth2, as its documentation uses it. The stories are those of the other clients beside this one.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

type task struct {
	Story        string `json:"story"`
	Issuer       string `json:"issuer"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Method       string `json:"method"`
	RedirectURI  string `json:"redirect_uri"`
	Scope        string `json:"scope"`
	API          string `json:"api"`
	Resource     string `json:"resource"`
}

type server struct {
	Authorize string `json:"authorization_endpoint"`
	Token     string `json:"token_endpoint"`
	Device    string `json:"device_authorization_endpoint"`
	UserInfo  string `json:"userinfo_endpoint"`
}

// What is not here stays the library's own default: it tries the header first and then the form.
var styles = map[string]oauth2.AuthStyle{
	"client_secret_basic": oauth2.AuthStyleInHeader,
	"client_secret_post":  oauth2.AuthStyleInParams,
}

func main() {
	var given task
	hear(&given)
	found := server{}
	get(http.DefaultClient, given.Issuer+"/.well-known/openid-configuration", &found)
	stories := map[string]func(task, server) seen{
		"machine": machine, "person": person, "device": device, "refusals": refusals,
	}
	say(seen{"done": stories[given.Story](given, found)})
}

func machine(given task, found server) seen {
	config := clientcredentials.Config{
		ClientID:     given.ClientID,
		ClientSecret: given.ClientSecret,
		TokenURL:     found.Token,
		Scopes:       []string{given.Scope},
		AuthStyle:    styles[given.Method],

		EndpointParams: url.Values{"resource": {given.Resource}},
	}
	token, err := config.Token(context.Background())
	must(err)
	return seen{"scope": token.Extra("scope"), "called": status(config.Client(context.Background()), given.API)}
}

func person(given task, found server) seen {
	background := context.Background()
	config := people(given, found)
	verifier, state := oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	arrived := visit(config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)))
	if arrived.Get("state") != state {
		fail(errors.New("the state is not the one that was sent"))
	}
	first, err := config.Exchange(background, arrived.Get("code"), oauth2.VerifierOption(verifier))
	must(err)
	about := seen{}
	get(config.Client(background, first), found.UserInfo, &about)
	second, err := refreshed(config, first.RefreshToken)
	must(err)
	called := status(config.Client(background, second), given.API)
	_, reused := refreshed(config, first.RefreshToken)
	_, family := refreshed(config, second.RefreshToken)
	return seen{
		"sub":      about["sub"],
		"userinfo": about,
		"called":   called,
		"scope":    second.Extra("scope"),
		"rotated":  second.RefreshToken != first.RefreshToken,
		"reused":   code(reused),
		"family":   code(family),
	}
}

func device(given task, found server) seen {
	config := people(given, found)
	waiting, err := config.DeviceAuth(context.Background())
	must(err)
	visit(waiting.VerificationURIComplete)
	token, err := config.DeviceAccessToken(context.Background(), waiting)
	must(err)
	about := seen{}
	get(config.Client(context.Background(), token), found.UserInfo, &about)
	return seen{"sub": about["sub"], "scope": token.Extra("scope")}
}

func refusals(given task, found server) seen {
	config := clientcredentials.Config{ClientID: given.ClientID, ClientSecret: "wrong", TokenURL: found.Token}
	_, err := config.Token(context.Background())
	return seen{"secret": code(err)}
}

func people(given task, found server) *oauth2.Config {
	return &oauth2.Config{
		ClientID:     given.ClientID,
		ClientSecret: given.ClientSecret,
		RedirectURL:  given.RedirectURI,
		Scopes:       []string{given.Scope},
		Endpoint: oauth2.Endpoint{
			AuthURL:       found.Authorize,
			DeviceAuthURL: found.Device,
			TokenURL:      found.Token,
			AuthStyle:     styles[given.Method],
		},
	}
}

func refreshed(config *oauth2.Config, token string) (*oauth2.Token, error) {
	return config.TokenSource(context.Background(), &oauth2.Token{RefreshToken: token}).Token()
}

func code(err error) string {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return refused.ErrorCode
	}
	return fmt.Sprint(err)
}

func status(client *http.Client, address string) int {
	response, err := client.Get(address)
	must(err)
	response.Body.Close()
	return response.StatusCode
}

func get(client *http.Client, address string, into interface{}) {
	response, err := client.Get(address)
	must(err)
	defer response.Body.Close()
	must(json.NewDecoder(response.Body).Decode(into))
}
