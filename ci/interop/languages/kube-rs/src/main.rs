//! An informer by kube-rs, as tests/resource_checks/informers.py describes them. It asks for streamed lists.

use futures::StreamExt;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};

fn said(item: &DynamicObject) {
    println!("seen {} {}", item.name_any(), item.data["spec"]["size"]);
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words: Vec<String> = std::env::args().collect();
    let [_, group, version, plural, kind, namespace] = words.as_slice() else {
        panic!("usage: interop-kube-rs GROUP VERSION PLURAL KIND NAMESPACE");
    };
    let client = Client::try_default().await.expect("a client of $KUBECONFIG");
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    let api: Api<DynamicObject> = Api::namespaced_with(client, namespace, &resource);
    let mut events = watcher(api, watcher::Config::default().streaming_lists()).default_backoff().boxed();
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Init) => {}
            Ok(watcher::Event::InitDone) => println!("synced"),
            Ok(watcher::Event::InitApply(item) | watcher::Event::Apply(item)) => said(&item),
            Ok(watcher::Event::Delete(item)) => println!("deleted {}", item.name_any()),
            Err(error) => eprintln!("{error}"),
        }
    }
}
