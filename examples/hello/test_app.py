"""Through a real API server: what it holds is listed, and a path of its own knows who calls."""


def test_the_first_is_listed(api):
    answer = api.get(f"{api.path}/things").json()

    assert [one["metadata"]["name"] for one in answer["items"]] == ["first"]


def test_hello_knows_the_caller(api):
    assert api.get(f"{api.path}/hello").text.startswith("hello kubernetes-admin,")


def test_a_stranger_is_refused(api):
    assert api.get(f"{api.path}/hello", anonymous=True).status_code == 403
