package demo

import (
	"slices"

	"github.com/orgd/orgd/internal/usage"
)

// workload is what an account does all day.
type workload struct {
	week   week
	growth int64 // a day, in thousandths
	peak   peak
	loads  []load
}

// week is how busy its days are, in percent of a full day, from Sunday on.
type week [7]int64

// peak is a day that was unlike others.
type peak struct {
	ago     usage.Day
	percent int64
}

// load is what a workload uses of a metric in one place.
type load struct {
	metric       usage.MetricID
	zone, region string // a host name and the id of a region, "" for none
	daily        int64  // on a full day, in the smallest digit
	places       int32  // digits after the point
	steady       bool   // a stock, which knows no weekdays
	unique       bool   // counts what is different
}

func office() week { return week{18, 96, 100, 99, 97, 84, 24} }
func shop() week   { return week{100, 79, 74, 75, 80, 91, 98} }
func media() week  { return week{96, 82, 80, 81, 84, 92, 100} }
func always() week { return week{97, 99, 100, 100, 99, 98, 96} }

const (
	contractAccount = "Brightwater Production" // has a contract instead of public prices
	lateAccount     = "Tidewater Web Shop"     // told some of its usage too late
)

// workloads returns what every account of the demo does, by name.
func workloads() map[string]workload {
	all := provided()
	for _, name := range []string{
		"Halyard Europe Staging", "Halyard Americas Staging", "Halyard Asia Pacific Staging", "Ostrava Staging", "Brightwater Staging",
		"Copper Ridge Staging", "Meridian Staging", "Kestrel Staging", "Banksia Staging", "Lumen Disaster Recovery",
	} {
		all[name] = workload{week: office(), loads: workers(140, "weur")} // below what is free
	}
	// The account without prices shows the other ways to count.
	all["Robin's Sandbox"] = workload{week: office(), loads: []load{
		{metric: "workers_standard_requests", daily: 3_200},
		{metric: "images_stored", daily: 180, steady: true},
		{metric: "vectorize_stored_dimensions", daily: 49_152, steady: true},
		{metric: "zero_trust_seats", daily: 4, unique: true},
	}}
	return all
}

func provided() map[string]workload {
	return map[string]workload{
		"Halyard SOC Tooling":              {always(), 2, peak{}, join(workers(2_600, "weur", "enam"), bucket(9_400, "weur"), logpush(5_200))},
		"Halyard Corporate":                {office(), 0, peak{}, join(workers(380, "weur"), site("www.halyard.example", 6, "weur"))},
		"Halyard Europe Shared Edge":       {always(), 3, peak{}, join(workers(3_900, "weur", "eeur"), site("edge.eu.halyard.example", 160, "weur", "eeur"))},
		"Brightwater Production":           {office(), 4, peak{}, join(workers(24_000, "weur", "eeur", "enam"), site("app.brightwater.example", 310, "weur", "eeur"), bucket(21_500, "weur"))},
		"Brightwater Driver App":           {office(), 5, peak{}, join(workers(5_100, "weur"), site("drivers.brightwater.example", 44, "weur"))},
		"Brightwater Partner Portal":       {office(), 1, peak{}, join(workers(620, "weur"), site("partners.brightwater.example", 19, "weur"))},
		"Ostrava Production":               {always(), 1, peak{}, join(workers(1_700, "eeur"), bucket(6_200, "eeur"))},
		"Ostrava Supplier Portal":          {office(), 0, peak{}, join(workers(410, "eeur"), site("suppliers.ostrava.example", 12, "eeur"))},
		"Ostrava Plant Telemetry":          {always(), 2, peak{}, join(workers(8_800, "eeur"), bucket(3_900, "eeur"), containers(6, "eeur", "north_america_europe"))},
		"Lumen Patient Portal":             {office(), 2, peak{}, join(workers(1_250, "enam"), site("my.lumenvalley.example", 27, "enam"))},
		"Lumen Staff Intranet":             {office(), 0, peak{}, workers(520, "enam")},
		"Lumen Imaging":                    {office(), 6, peak{}, join(bucket(48_000, "enam"), containers(14, "enam", "north_america_europe"))},
		"Halyard Americas Shared Edge":     {always(), 3, peak{}, join(workers(4_400, "enam", "wnam"), site("edge.us.halyard.example", 205, "enam", "wnam"))},
		"Copper Ridge Online Banking":      {office(), 2, peak{31, 165}, join(workers(6_900, "enam", "wnam"), site("bank.copperridge.example", 120, "enam", "wnam"))},
		"Copper Ridge Mobile API":          {always(), 4, peak{}, join(workers(9_300, "enam"), site("api.copperridge.example", 74, "enam"), logpush(9_300))},
		"Copper Ridge Branch Network":      {office(), 0, peak{}, workers(350, "enam")},
		"Meridian Production":              {always(), 2, peak{}, join(workers(3_300, "enam"), bucket(4_700, "enam"))},
		"Meridian Tracking":                {always(), 5, peak{}, join(workers(15_500, "enam", "wnam"), site("track.meridian.example", 96, "enam", "wnam"))},
		"Meridian Customs Desk":            {office(), 0, peak{}, join(workers(290, "enam"), containers(3, "enam", "north_america_europe"))},
		"Saltmarsh News":                   {media(), 2, peak{19, 430}, join(workers(11_800, "enam", "weur"), site("news.saltmarsh.example", 540, "enam", "weur"))},
		"Saltmarsh Streaming":              {media(), 6, peak{19, 180}, join(video(52_000, "tv.saltmarsh.example", "enam", "wnam"), bucket(31_000, "enam"))},
		"Saltmarsh Ad Server":              {media(), 2, peak{19, 260}, workers(38_000, "enam", "weur")},
		"Saltmarsh Archive":                {always(), 3, peak{}, bucket(86_000, "enam")},
		"Halyard Asia Pacific Shared Edge": {always(), 3, peak{}, join(workers(2_100, "apac", "oc"), site("edge.ap.halyard.example", 88, "apac", "oc"))},
		"Kestrel Booking":                  {shop(), 3, peak{9, 190}, join(workers(7_600, "apac", "oc"), site("book.kestrel.example", 132, "apac", "oc"))},
		"Kestrel Loyalty":                  {shop(), 1, peak{}, join(workers(900, "oc"), site("points.kestrel.example", 21, "oc"))},
		"Kestrel Crew":                     {always(), 0, peak{}, workers(310, "oc")},
		"Banksia Shop":                     {shop(), 3, peak{12, 240}, join(workers(8_200, "oc", "apac"), site("shop.banksia.example", 260, "oc", "apac"))},
		"Banksia Wholesale":                {office(), 1, peak{}, join(workers(480, "oc"), site("trade.banksia.example", 17, "oc"))},
		"Banksia Point of Sale":            {shop(), 1, peak{12, 150}, join(workers(2_900, "oc"), containers(4, "oc", "oceania_korea_taiwan"))},
		"Tidewater Web Shop":               {shop(), 4, peak{5, 310}, join(workers(5_400, "enam"), site("www.tidewater.example", 150, "enam"), bucket(2_400, "enam"))},
		"Tidewater Warehouse":              {office(), 0, peak{}, join(workers(260, "enam"), containers(2, "enam", "north_america_europe"))},
		"Tidewater Campaigns":              {shop(), 8, peak{5, 480}, join(workers(1_150, "enam"), video(7_500, "watch.tidewater.example", "enam"))},
	}
}

func join(parts ...[]load) []load { return slices.Concat(parts...) }

// share is how much of the whole the n-th of several regions has: most is in
// the first.
func share(whole int64, n, regions int) int64 {
	if regions == 1 {
		return whole
	}
	first := whole * 6 / 10
	if n == 0 {
		return first
	}
	return (whole - first) / int64(regions-1)
}

// workers answers thousands of requests a day, each in 7 ms of computing.
func workers(thousands int64, regions ...string) []load {
	var all []load
	for i, r := range regions {
		n := share(thousands*1000, i, len(regions))
		all = append(
			all, load{metric: "workers_standard_requests", region: r, daily: n},
			load{metric: "workers_standard_cpu_time", region: r, daily: n * 7, places: 3},
		)
	}
	return all
}

// logpush sends thousands of requests a day to another place.
func logpush(thousands int64) []load {
	return []load{{metric: "workers_logpush_requests", daily: thousands * 1000}}
}

// site serves gigabytes a day, partly from a cache.
func site(host string, gigabytes int64, regions ...string) []load {
	all := []load{{metric: "cache_reserve_reads", zone: host, daily: gigabytes * 9_100}}
	for i, r := range regions {
		all = append(all, load{metric: "argo_data_transfer", zone: host, region: r, daily: share(gigabytes*1000, i, len(regions)), places: 3})
	}
	return all
}

// bucket keeps gigabytes, and is written and read.
func bucket(gigabytes int64, region string) []load {
	return []load{
		{metric: "r2_storage", region: region, daily: gigabytes * 1000, places: 3, steady: true},
		{metric: "r2_class_a_operations", region: region, daily: gigabytes * 31},
		{metric: "r2_class_b_operations", region: region, daily: gigabytes * 270},
	}
}

// video is watched for minutes a day.
func video(minutes int64, host string, regions ...string) []load {
	var all []load
	for i, r := range regions {
		all = append(all, load{metric: "stream_minutes_viewed", zone: host, region: r, daily: share(minutes, i, len(regions))})
	}
	return all
}

// containers keeps processors busy for half of the day.
func containers(processors int64, region, egress string) []load {
	seconds := processors * 12 * 60 * 60
	return []load{
		{metric: "containers_vcpu", region: region, daily: seconds * 1000, places: 3},
		{metric: "containers_memory", region: region, daily: seconds * 4 * 1000, places: 3},
		{metric: "containers_disk", region: region, daily: seconds * 8 * 1000, places: 3},
		{metric: usage.MetricID("containers_egress_" + egress), region: region, daily: processors * 21_000, places: 3},
	}
}

// regionName returns the name of a region of the demo.
func regionName(r string) string {
	return map[string]string{
		"weur": "Western Europe", "eeur": "Eastern Europe", "enam": "Eastern North America", "wnam": "Western North America",
		"apac": "Asia Pacific", "oc": "Oceania",
	}[r]
}
