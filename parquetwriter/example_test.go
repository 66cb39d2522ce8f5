package parquetwriter_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/parquetwriter"
	"github.com/nats-io/nats.go"
)

// decode makes a Message of a message of a stream. Its key is the subject.
func decode(msg *nats.Msg) (*parquetwriter.Message, string, error) {
	stored, err := msg.Metadata()
	if err != nil {
		return nil, "", err
	}
	return &parquetwriter.Message{
		Stream:  stored.Stream,
		Seq:     stored.Sequence.Stream,
		Time:    stored.Timestamp,
		Subject: msg.Subject,
		Header:  msg.Header,
		Payload: msg.Data,
	}, msg.Subject, nil
}

// A capture of whole messages needs a decoder that makes a Message of a *nats.Msg, and a factory of writers.
func ExampleMessageWriter() {
	w, err := parquetwriter.NewMessageWriter(parquetwriter.Options{}, true)
	if err != nil {
		log.Fatal(err)
	}
	options := jetcapture.Options[*parquetwriter.Message, string]{
		NATSStreamName: "ORDERS",
		Suffix:         "parquet",
		MessageDecoder: decode,
		WriterFactory:  func() jetcapture.FormattedDataWriter[*parquetwriter.Message] { return w.New() },
	}

	// This is what a capture does with a message.
	message, key, err := options.MessageDecoder(&nats.Msg{
		Subject: "orders.eu",
		Reply:   "$JS.ACK.hub.ACCOUNT.ORDERS.consumer.1.42.7.1763913600000000000.0.token",
		Data:    []byte(`{"id":7}`),
		Sub:     &nats.Subscription{},
	})
	if err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	writer := options.WriterFactory()
	if err := writer.InitNew(&file); err != nil {
		log.Fatal(err)
	}
	rows, err := writer.Write(message)
	if err != nil {
		log.Fatal(err)
	}
	if err := writer.Flush(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, sequence %d, key %s: %d row, %q\n", message.Stream, message.Seq, key, rows, file.Bytes()[:4])
	// Output: ORDERS, sequence 42, key orders.eu: 1 row, "PAR1"
}
