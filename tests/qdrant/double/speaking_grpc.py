"""The double's store behind gRPC: the same answers, by the client's own conversions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc as protocol
from qdrant_client import grpc, models
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc

from double.store import Refused, Store

_CODES = {
    400: protocol.StatusCode.INVALID_ARGUMENT,
    404: protocol.StatusCode.NOT_FOUND,
    409: protocol.StatusCode.ALREADY_EXISTS,
}


class GrpcDouble:
    """A gRPC server over a store. Use with ``with``; it answers at `port` on loopback."""

    def __init__(self, store: Store, api_key: str = "") -> None:
        self.port = 0
        watch = _Watch(api_key)
        self._server = protocol.server(ThreadPoolExecutor(4), interceptors=[watch])
        grpc.add_PointsServicer_to_server(_Points(store), self._server)
        grpc.add_CollectionsServicer_to_server(_Collections(store), self._server)

    def __enter__(self) -> GrpcDouble:
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.stop(None).wait()


class _Watch(protocol.ServerInterceptor):
    """Refuses a wrong key."""

    def __init__(self, api_key: str) -> None:
        self._api_key = api_key

    def intercept_service(self, continuation, details):
        held = dict(details.invocation_metadata).get("api-key", "")
        if self._api_key and held != self._api_key:

            def refuse(request, context):
                context.abort(protocol.StatusCode.UNAUTHENTICATED, "Must provide an API key")

            return protocol.unary_unary_rpc_method_handler(refuse)
        return continuation(details)


def _answered(method):
    """What the store refuses becomes a status of gRPC."""

    def answer(self, request, context):
        try:
            return method(self, request)
        except Refused as error:
            context.abort(_CODES[error.status], str(error))
        except Exception as error:
            context.abort(protocol.StatusCode.INVALID_ARGUMENT, f"the double failed: {error!r}")

    return answer


def _plain(model) -> dict:
    return model.model_dump(mode="json", exclude_none=True)


class _Collections(grpc.CollectionsServicer):
    def __init__(self, store: Store) -> None:
        self._store = store

    @_answered
    def Create(self, request):  # noqa: N802
        vectors = GrpcToRest.convert_vectors_config(request.vectors_config)
        made = models.CreateCollection(
            vectors=vectors,
            shard_number=request.shard_number or None,
            on_disk_payload=request.on_disk_payload,
        )
        self._store.create(request.collection_name, _plain(made))
        return grpc.CollectionOperationResponse(result=True)

    @_answered
    def Delete(self, request):  # noqa: N802
        return grpc.CollectionOperationResponse(result=self._store.drop(request.collection_name))

    @_answered
    def List(self, request):  # noqa: N802
        listed = self._store.listed()["collections"]
        return grpc.ListCollectionsResponse(
            collections=[grpc.CollectionDescription(name=item["name"]) for item in listed]
        )

    @_answered
    def Get(self, request):  # noqa: N802
        info = models.CollectionInfo.model_validate(self._store.info(request.collection_name))
        return grpc.GetCollectionInfoResponse(result=RestToGrpc.convert_collection_info(info))

    @_answered
    def ListAliases(self, request):  # noqa: N802
        return grpc.ListAliasesResponse(
            aliases=[
                grpc.AliasDescription(**item) for item in self._store.listed_aliases()["aliases"]
            ]
        )

    @_answered
    def UpdateAliases(self, request):  # noqa: N802
        actions = [_plain(GrpcToRest.convert_alias_operations(item)) for item in request.actions]
        self._store.change_aliases({"actions": actions})
        return grpc.CollectionOperationResponse(result=True)


class _Points(grpc.PointsServicer):
    def __init__(self, store: Store) -> None:
        self._store = store

    @_answered
    def CreateFieldIndex(self, request):  # noqa: N802
        kind = grpc.FieldType.Name(request.field_type).removeprefix("FieldType").lower()
        body = {"field_name": request.field_name, "field_schema": kind}
        self._store.create_index(request.collection_name, body)
        return _done()

    @_answered
    def Upsert(self, request):  # noqa: N802
        points = [_plain(GrpcToRest.convert_point_struct(point)) for point in request.points]
        self._store.upsert(request.collection_name, {"points": points}, request.wait)
        return _done()

    @_answered
    def Delete(self, request):  # noqa: N802
        selector = GrpcToRest.convert_points_selector(request.points)
        self._store.delete(request.collection_name, _plain(selector))
        return _done()

    @_answered
    def Get(self, request):  # noqa: N802
        asked = {
            "ids": [GrpcToRest.convert_point_id(id) for id in request.ids],
            "with_payload": _payload_wanted(request),
            "with_vector": GrpcToRest.convert_with_vectors_selector(request.with_vectors)
            if request.HasField("with_vectors")
            else False,
        }
        found = self._store.retrieve(request.collection_name, asked)
        return grpc.GetResponse(result=[_record(item) for item in found])

    @_answered
    def Scroll(self, request):  # noqa: N802
        asked = {
            "filter": _filter(request),
            "limit": request.limit,
            "offset": GrpcToRest.convert_point_id(request.offset)
            if request.HasField("offset")
            else None,
            "with_payload": _payload_wanted(request),
        }
        found = self._store.scroll(request.collection_name, asked)
        after = found["next_page_offset"]
        return grpc.ScrollResponse(
            result=[_record(item) for item in found["points"]],
            next_page_offset=after and RestToGrpc.convert_extended_point_id(after),
        )

    @_answered
    def Count(self, request):  # noqa: N802
        counted = self._store.count(request.collection_name, {"filter": _filter(request)})
        return grpc.CountResponse(result=grpc.CountResult(**counted))

    @_answered
    def Facet(self, request):  # noqa: N802
        asked = {"key": request.key, "limit": request.limit, "exact": request.exact}
        hits = self._store.facet(request.collection_name, asked)["hits"]
        return grpc.FacetResponse(
            hits=[
                grpc.FacetHit(value=grpc.FacetValue(string_value=hit["value"]), count=hit["count"])
                for hit in hits
            ]
        )

    @_answered
    def QueryBatch(self, request):  # noqa: N802
        searches = [_plain(GrpcToRest.convert_query_points(item)) for item in request.query_points]
        answers = self._store.query(request.collection_name, {"searches": searches})
        return grpc.QueryBatchResponse(
            result=[
                grpc.BatchResult(
                    result=[
                        RestToGrpc.convert_scored_point(models.ScoredPoint.model_validate(item))
                        for item in answer["points"]
                    ]
                )
                for answer in answers
            ]
        )


def _filter(request) -> dict | None:
    return _plain(GrpcToRest.convert_filter(request.filter)) if request.HasField("filter") else None


def _payload_wanted(request):
    wanted = GrpcToRest.convert_with_payload_interface(request.with_payload)
    return wanted if isinstance(wanted, bool | list) else wanted.include


def _record(item: dict) -> grpc.RetrievedPoint:
    return RestToGrpc.convert_record(models.Record.model_validate(item))


def _done() -> grpc.PointsOperationResponse:
    return grpc.PointsOperationResponse(
        result=grpc.UpdateResult(operation_id=1, status=grpc.UpdateStatus.Completed)
    )
