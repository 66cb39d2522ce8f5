package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The demo's stream, and the key by which it is grouped.
const (
	demoStream  = "PIZZA"
	demoKeyName = "store"
	demoKey     = demoKeyName + "=json:store"
	demoKept    = 10 * time.Minute // how long the stream keeps an order
)

// pizzaOrders are the messages of the demo, the same each time.
func pizzaOrders() (orders []*nats.Msg) {
	stores := []string{"berlin", "lisbon", "berlin", "oslo", "berlin", "oslo", "rome"} // not all of them sell the same
	pizzas := []string{"margherita", "funghi", "diavola", "quattro formaggi", "marinara"}
	for i := range 2000 {
		store := stores[i%len(stores)]
		data := fmt.Sprintf(`{"order":%d,"store":%q,"pizza":%q,"count":%d,"total":{"amount":%d.50,"currency":"EUR"}}`,
			1000+i, store, pizzas[i*3%len(pizzas)], 1+i%3, 8*(1+i%3))
		orders = append(orders, &nats.Msg{Subject: "pizza.orders." + store, Data: []byte(data)})
		if broken, ok := brokenOrders()[i]; ok {
			orders = append(orders, &nats.Msg{Subject: "pizza.orders." + store, Data: []byte(broken)})
		}
	}
	return orders
}

// brokenOrders are payloads such as real streams have, by the number of the order before them.
func brokenOrders() map[int]string {
	return map[int]string{
		300:  `{"order":1300,"store":"oslo","pizza":"fun`,                        // cut off
		700:  `{"order":1700,"pizza":"diavola","count":1}`,                       // without a store: fine, but has no key
		900:  `PRINTER ON FIRE`,                                                  // not JSON
		1200: ``,                                                                 // empty
		1700: `{"order":2700,"store":{"city":"rome"},"pizza":"marinara"}`,        // an object is no directory
		1900: "{\n  \"order\": 2900,\n  \"store\": \"rome\",\n  \"count\": 2\n}", // on several lines: made one
	}
}

// publishOrders makes the stream, publishes the orders and waits for all acknowledgements.
func publishOrders(ctx context.Context, nc *nats.Conn, orders []*nats.Msg) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	stream := jetstream.StreamConfig{Name: demoStream, Subjects: []string{"pizza.orders.>"}, MaxAge: demoKept}
	if _, err := js.CreateStream(ctx, stream); err != nil {
		return err
	}
	acks := make([]jetstream.PubAckFuture, len(orders))
	for i, m := range orders {
		if acks[i], err = js.PublishMsgAsync(m); err != nil {
			return err
		}
	}
	for _, ack := range acks {
		select {
		case <-ack.Ok():
		case err := <-ack.Err():
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
