//! `kill -9` of everything in the middle of an order.

use crate::support::cloud::Cloud;
use crate::support::storage::Storage;
use crate::support::{eventually, story};
use serde_json::Value;

#[test]
fn an_order_that_a_crash_interrupts_finishes_and_is_metered_once_in_files() {
    finishes_and_is_metered_once(&mut Cloud::start());
}

#[test]
fn an_order_that_a_crash_interrupts_finishes_and_is_metered_once_on_postgresql_and_s3() {
    let mut cloud = Cloud::start_on(Storage::on_postgresql_and_s3());
    finishes_and_is_metered_once(&mut cloud);
    assert!(cloud.storage().objects() > 3, "the usage of three cells went through the bucket");
    let data = cloud.folder().join("atoll-data");
    let names = std::fs::read_dir(&data).expect("a folder").map(|entry| entry.expect("readable").file_name());
    let stored: Vec<_> = names.filter(|name| name.to_string_lossy().ends_with(".db")).collect();
    assert!(stored.is_empty() && !data.join("objects").exists(), "{stored:?} in files");
    for secret in Storage::SECRETS {
        assert!(!cloud.log().contains(secret) && !cloud.banner().contains(secret));
    }
}

fn finishes_and_is_metered_once(cloud: &mut Cloud) {
    let namespace = cloud.create_namespace("orders");
    let (worker, started) = story::hold(cloud, &namespace);
    let addresses = ["gateway_address", "cloud_address"].map(|name| cloud.field(name).to_owned());
    cloud.crash_and_restart(|| drop(worker));
    assert_eq!(["gateway_address", "cloud_address"].map(|name| cloud.field(name).to_owned()), addresses);

    let order = ["workflow_id", "run_id"].map(|name| started[name].as_str().expect("an id"));
    let resume = ["--phases", "finish", "--workflow-id", order[0], "--run-id", order[1]];
    let finished = story::play(cloud, &namespace, &resume);
    assert_eq!(finished["result"][4], "order 7 packed", "{finished}");
    let rows = story::usage_of_one_order(cloud, &namespace);

    // What arrives late would still be seen: the invoice is reckoned when every hour is complete.
    let month = rows[0]["hour"].as_str().expect("an hour")[..7].to_owned();
    cloud.restart(&["--time-offset", "40d"]);
    let invoice: Value = eventually("the month's last hour", || {
        let printed = cloud.attempt(&["billing", "close", "--month", &month, "-o", "json"])?;
        Ok(serde_json::from_str(&printed).expect("JSON"))
    });
    let lines = invoice["lines"].as_array().expect("lines");
    let actions = lines.iter().find(|line| line["code"] == "actions").expect("a line for Actions");
    assert_eq!(actions["quantity"], story::total_actions().to_string(), "{invoice}");
}
