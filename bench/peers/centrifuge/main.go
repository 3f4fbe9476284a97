// A server of the bench: Centrifuge with a channel per symbol. Each interval it publishes one message to every channel.
//
//	centrifuge <symbols> <interval ms> <bytes per message>
//
// Clients say which channels in the query of their address; messages carry the time of publishing like those of the
// other peers.
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/centrifugal/centrifuge"
)

// Behind the array's byte, the symbol and the byte that says uint64.
const stampAt = 7

type symbolsKey struct{}

func number(at int) int {
	value, err := strconv.Atoi(os.Args[at])
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func withSymbols(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := centrifuge.SetCredentials(r.Context(), &centrifuge.Credentials{UserID: ""})
		symbols := strings.Split(r.URL.Query().Get("symbols"), ",")
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, symbolsKey{}, symbols)))
	})
}

func subscribeAll(ctx context.Context, _ centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
	subscriptions := map[string]centrifuge.SubscribeOptions{}
	for _, symbol := range ctx.Value(symbolsKey{}).([]string) {
		subscriptions[symbol] = centrifuge.SubscribeOptions{}
	}
	return centrifuge.ConnectReply{
		Subscriptions:  subscriptions,
		PingPongConfig: &centrifuge.PingPongConfig{PingInterval: -1, PongTimeout: -1},
	}, nil
}

func publish(node *centrifuge.Node, symbols int, interval time.Duration, size int) {
	channels := make([]string, symbols)
	for i := range channels {
		channels[i] = fmt.Sprintf("W%03d", i)
	}
	for range time.Tick(interval) {
		now := uint64(time.Now().UnixMicro())
		for _, channel := range channels {
			update := make([]byte, size)
			update[0], update[stampAt-1] = 0x9a, 0xcf
			copy(update[1:], "\xa4"+channel)
			binary.BigEndian.PutUint64(update[stampAt:], now)
			if _, err := node.Publish(channel, update); err != nil {
				log.Fatal(err)
			}
		}
	}
}

func main() {
	node, err := centrifuge.New(centrifuge.Config{ClientQueueMaxSize: 64 << 20})
	if err != nil {
		log.Fatal(err)
	}
	node.OnConnecting(subscribeAll)
	node.OnConnect(func(*centrifuge.Client) {})
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}
	handler := centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{UseWriteBufferPool: true})
	http.Handle("/connection/websocket", withSymbols(handler))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go publish(node, number(1), time.Duration(number(2))*time.Millisecond, number(3))
	fmt.Printf("listening %d\n", listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(http.Serve(listener, nil))
}
