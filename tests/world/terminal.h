// As much of MetaTrader 5 as the example in docs/live.md calls, so that its text can be compiled as C++.
// Bars, position and the model's choice come from stdin; observations and moved stops go to stdout.
#include <cfloat>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <vector>

#define string const char *
#define MathAbs std::fabs
#define MathCos std::cos
#define MathFloor std::floor
#define MathMax(a, b) std::fmax(a, b)
#define MathMin(a, b) std::fmin(a, b)
#define MathPow std::pow
#define MathSin std::sin
#define MathSqrt std::sqrt

typedef std::vector<double> Array;
typedef unsigned long ulong;
typedef long datetime;
enum { INVALID_HANDLE = -1, ONNX_DEFAULT = 0, ONNX_NO_CONVERSION = 1, INIT_SUCCEEDED = 0, INIT_FAILED = 1 };
enum { POSITION_TYPE, POSITION_TIME, POSITION_TICKET };
enum { POSITION_PRICE_OPEN, POSITION_SL, POSITION_VOLUME, POSITION_TP };
enum { POSITION_TYPE_BUY, POSITION_TYPE_SELL };
enum { SYMBOL_VOLUME_STEP };
const double _Point = 0.00001;
const int _Symbol = 0, _Period = 0, _Digits = 8, SECONDS = 900;

struct MqlRates { datetime time; double open, high, low, close; int spread; };
struct MqlDateTime { int hour, min, day_of_week; };
struct vectorf {
  std::vector<float> values;
  vectorf(int size) : values(size) {}
  float &operator[](int i) { return values[i]; }
  ulong ArgMax() {
    ulong best = 0;
    for (ulong i = 1; i < values.size(); i++) if (values[i] > values[best]) best = i;
    return best;
  }
};

std::vector<MqlRates> all_bars;
int closed = 0, choice = 0;   // index of the last closed bar; what the model will choose
long facts[3];
double numbers[4];

int ArraySize(const Array &a) { return (int)a.size(); }
void ArrayResize(Array &a, int size) { a.resize(size); }
template <int N> void ArrayInitialize(double (&a)[N], double x) { for (double &v : a) v = x; }
datetime iTime(int, int, int) { return all_bars[closed].time + SECONDS; }
int PeriodSeconds() { return SECONDS; }
int CopyRates(int, int, int, int count, std::vector<MqlRates> &rates) {
  int begin = std::max(0, closed + 1 - count);
  rates.assign(all_bars.begin() + begin, all_bars.begin() + closed + 1);
  return (int)rates.size();
}
void TimeToStruct(datetime when, MqlDateTime &parts) {
  std::tm *utc = std::gmtime(&when);
  parts = {utc->tm_hour, utc->tm_min, utc->tm_wday};
}
bool PositionSelect(int) { return true; }
long PositionGetInteger(int what) { return facts[what]; }
double PositionGetDouble(int what) { return numbers[what]; }
double SymbolInfoDouble(int, int) { return 0.01; }
double NormalizeDouble(double x, int) { return x; }
int GetLastError() { return 0; }
template <class... A> void Print(A...) {}
long OnnxCreate(string, int) { return 1; }
void OnnxRelease(long) {}
template <class T> bool OnnxSetInputShape(long, int, T &) { return true; }
template <class T> bool OnnxSetOutputShape(long, int, T &) { return true; }
bool OnnxRun(long, int, vectorf &observation, vectorf &logits, vectorf &) {
  std::printf("saw");
  for (float x : observation.values) std::printf(" %.9g", x);
  std::printf("\n");
  for (int i = 0; i < 5; i++) logits[i] = i == choice;
  return true;
}
struct CTrade {
  bool PositionClose(ulong) { std::printf("closed\n"); return true; }
  bool PositionClosePartial(ulong, double volume) { numbers[POSITION_VOLUME] -= volume; return true; }
  bool PositionModify(ulong, double stop, double) {
    numbers[POSITION_SL] = stop;
    std::printf("stop %.9g\n", stop);
    return true;
  }
};

extern datetime last_bar;
void OnTick();
int main() {
  int bars, trades;
  std::cin >> bars;
  all_bars.resize(bars);
  for (MqlRates &bar : all_bars) std::cin >> bar.time >> bar.open >> bar.high >> bar.low >> bar.close;
  std::cin >> trades;
  for (int i = 0; i < trades; i++) {
    int entry_bar, decisions;
    double direction;
    std::cin >> entry_bar >> direction >> numbers[POSITION_PRICE_OPEN] >> numbers[POSITION_SL] >> decisions;
    numbers[POSITION_VOLUME] = 1;
    facts[POSITION_TYPE] = direction > 0 ? POSITION_TYPE_BUY : POSITION_TYPE_SELL;
    facts[POSITION_TIME] = all_bars[entry_bar + 1].time + 3;
    facts[POSITION_TICKET] = i + 1;
    std::printf("trade\n");
    for (int k = 1; k <= decisions; k++) {
      std::cin >> choice;
      closed = entry_bar + k;
      last_bar = 0;
      OnTick();
    }
  }
}
