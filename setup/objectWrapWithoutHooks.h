// Included before everything else where the compiled part of ssh2 is made. From 24.19 on, Node's ObjectWrap (a header, so compiled into whoever uses it) takes
// hooks off in its destructor, which the garbage collector calls where Node knows no environment: the process is aborted (nodejs/node#65446, mscdex/ssh2#1511).
// Without those hooks it is what it was up to 24.18.
#include <node.h>
namespace node {
inline void NoCleanupHook(v8::Isolate*, void (*)(void*), void*) {}
}  // namespace node
#define AddEnvironmentCleanupHook NoCleanupHook
#define RemoveEnvironmentCleanupHook NoCleanupHook
