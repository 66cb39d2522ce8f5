package iceberg

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	ice "github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/catalog"
)

// OpenCatalog opens the catalog that an address names:
//
//	https://HOST/PATH          a REST catalog
//	sqlite:FILE                a database of SQLite, made if it is missing
//	warehouse:PLACE            no catalog: tables are folders, as Hadoop tables are
//	glue:                      AWS Glue
//
// properties are those of iceberg-go, such as warehouse, credential, token, s3.region. The program links the catalogs:
// an address of one that it does not link is an error. The caller closes what is a catalog.Closer.
func OpenCatalog(ctx context.Context, address string, properties map[string]string) (catalog.Catalog, error) {
	props := ice.Properties{}
	scheme, rest, _ := strings.Cut(address, ":")
	switch scheme {
	case "http", "https":
		props["type"], props["uri"] = "rest", address
	case "sqlite":
		file, err := filepath.Abs(rest)
		if err != nil || rest == "" {
			return nil, errors.New("--catalog sqlite:FILE needs the path of a file")
		}
		props["type"], props["sql.driver"], props["sql.dialect"] = "sql", "sqlite", "sqlite"
		props["uri"] = "file:" + file + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)"
		props["warehouse"] = "file://" + filepath.Join(filepath.Dir(file), "warehouse")
	case "warehouse":
		props["type"], props["warehouse"] = "hadoop", rest
	case "glue":
		props["type"] = "glue"
	default:
		return nil, fmt.Errorf("--catalog %s: give https://HOST, sqlite:FILE, warehouse:PLACE or glue: (AWS)", scheme)
	}
	maps.Copy(props, properties)
	c, err := catalog.Load(ctx, "jetcapture", props)
	if err != nil {
		return nil, fmt.Errorf("open the catalog of --catalog %s: %w", scheme, err)
	}
	return c, nil
}
