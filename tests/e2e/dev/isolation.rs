//! What stands still does not hold up what runs elsewhere.

use crate::support::cloud::Cloud;
use crate::support::story;

#[test]
fn tenants_work_while_another_cell_or_the_control_plane_stands_still() {
    let cloud = Cloud::start();
    let mut tenants = ["first", "second"].map(|name| {
        let namespace = cloud.create_namespace(name);
        story::play(&cloud, &namespace, &[]);
        let rows = story::usage_of_one_order(&cloud, &namespace);
        let cell = rows[0]["cellId"].as_str().expect("a cell").to_owned();
        assert!(rows.iter().all(|row| row["cellId"] == cell), "{rows:?}");
        (cell, namespace)
    });
    tenants.sort();
    let [(first_cell, of_a), (second_cell, of_b)] = &tenants;
    assert_eq!([first_cell, second_cell], ["a", "b"]);

    let held = cloud.pause("cell-b");
    story::play(&cloud, of_a, &[]);
    drop(held);
    story::play(&cloud, of_b, &[]);

    let held = cloud.pause("control-plane");
    story::play(&cloud, of_a, &[]);
    story::play(&cloud, of_b, &[]);
    drop(held);
    cloud.create_namespace("third");
}
